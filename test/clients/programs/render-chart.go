// Renders the templates of a Helm chart as `helm template` does: Go's own engine and sprig, and the few functions Helm
// adds to them. Prints every document; NOTES.txt is rendered and thrown away.
//
//	GO111MODULE=off GOPATH=/usr/share/gocode go run render-chart.go CHART VALUES.yaml
package main

import (
	"bytes"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strings"
	"text/template"

	"github.com/Masterminds/sprig"
	"gopkg.in/yaml.v3"
)

func read(path string) map[string]interface{} {
	text, err := os.ReadFile(path)
	if err != nil {
		log.Fatal(err)
	}
	tree := map[string]interface{}{}
	if err := yaml.Unmarshal(text, &tree); err != nil {
		log.Fatal(path, ": ", err)
	}
	return tree
}

// merge puts what a user says over the chart's own values, key by key.
func merge(base, over map[string]interface{}) map[string]interface{} {
	for key, value := range over {
		inner, isMap := value.(map[string]interface{})
		below, wasMap := base[key].(map[string]interface{})
		if isMap && wasMap {
			base[key] = merge(below, inner)
		} else {
			base[key] = value
		}
	}
	return base
}

func main() {
	chart := os.Args[1]
	about := read(filepath.Join(chart, "Chart.yaml"))
	data := map[string]interface{}{
		"Values":  merge(read(filepath.Join(chart, "values.yaml")), read(os.Args[2])),
		"Release": map[string]interface{}{"Name": "test", "Namespace": "gyre"},
		"Chart":   map[string]interface{}{"Name": about["name"], "Version": about["version"], "AppVersion": about["appVersion"]},
	}
	all := template.New("chart").Option("missingkey=zero")
	functions := sprig.TxtFuncMap()
	functions["toYaml"] = func(value interface{}) (string, error) {
		text, err := yaml.Marshal(value)
		return strings.TrimSuffix(string(text), "\n"), err
	}
	functions["include"] = func(name string, data interface{}) (string, error) {
		var out bytes.Buffer
		err := all.ExecuteTemplate(&out, name, data)
		return out.String(), err
	}
	// Of a cluster that has nothing yet.
	functions["lookup"] = func(...string) map[string]interface{} { return nil }
	functions["fail"] = func(message string) (string, error) { return "", fmt.Errorf("%s", message) }
	all.Funcs(functions)

	files, err := filepath.Glob(filepath.Join(chart, "templates", "*"))
	if err != nil {
		log.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			log.Fatal(err)
		}
		if _, err := all.New(filepath.Base(file)).Parse(string(text)); err != nil {
			log.Fatal(err)
		}
	}
	for _, file := range files {
		name := filepath.Base(file)
		var out bytes.Buffer
		if err := all.ExecuteTemplate(&out, name, data); err != nil {
			log.Fatal(err)
		}
		if filepath.Ext(name) == ".yaml" {
			fmt.Printf("---\n%s\n", out.String())
		}
	}
}
