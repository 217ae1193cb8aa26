// Go's net/http, with one client: asks for each URL and prints the answer; for post:URL it sends a body, with a length and
// in chunks, and prints whether it came back; for all:URL it asks for sixty paths at once.
//
// Without -proxy the proxy is what the environment says, which Go never uses for localhost and loopback addresses.
package main

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"flag"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"
)

func main() {
	authority := flag.String("ca", "", "PEM file")
	proxy := flag.String("proxy", "", "URL")
	flag.Parse()
	transport := &http.Transport{
		Proxy:           http.ProxyFromEnvironment,
		TLSClientConfig: &tls.Config{RootCAs: roots(*authority)},
	}
	if *proxy != "" {
		parsed, err := url.Parse(*proxy)
		check(err)
		transport.Proxy = http.ProxyURL(parsed)
	}
	client := &http.Client{Transport: transport, Timeout: 15 * time.Second}
	for _, target := range flag.Args() {
		switch kind, rest, _ := strings.Cut(target, ":"); kind {
		case "post":
			fmt.Println("posted", post(client, rest, true), post(client, rest, false))
		case "all":
			all(client, rest)
		default:
			fmt.Print(get(client, target))
			// A tunnel that is kept keeps its address.
			if kind == "https" || strings.HasPrefix(*proxy, "socks") {
				transport.CloseIdleConnections()
			}
		}
	}
}

func get(client *http.Client, target string) string {
	answer, err := client.Get(target)
	check(err)
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	check(err)
	if answer.StatusCode != http.StatusOK {
		check(fmt.Errorf("status %s", answer.Status))
	}
	return string(body)
}

func post(client *http.Client, target string, whole bool) bool {
	sent := bytes.Repeat([]byte("A line of some length, many times over.\n"), 80_000)
	var reader io.Reader = bytes.NewReader(sent)
	if !whole {
		// A reader that net/http knows nothing of has no length.
		reader = io.MultiReader(reader)
	}
	answer, err := client.Post(target, "text/plain", reader)
	check(err)
	defer answer.Body.Close()
	received, err := io.ReadAll(answer.Body)
	check(err)
	return bytes.Equal(received, sent)
}

func all(client *http.Client, target string) {
	answers := make([]chan string, 60)
	for i := range answers {
		answers[i] = make(chan string, 1)
		go func(i int) { answers[i] <- get(client, fmt.Sprintf("%s/%d", target, i)) }(i)
	}
	for _, answer := range answers {
		fmt.Print(<-answer)
	}
}

func roots(file string) *x509.CertPool {
	pem, err := os.ReadFile(file)
	check(err)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem)
	return pool
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
