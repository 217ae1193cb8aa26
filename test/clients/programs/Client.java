import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.net.Authenticator;
import java.net.HttpURLConnection;
import java.net.InetSocketAddress;
import java.net.PasswordAuthentication;
import java.net.ProxySelector;
import java.net.URI;
import java.net.URL;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpRequest.BodyPublishers;
import java.net.http.HttpResponse;
import java.net.http.HttpResponse.BodyHandlers;
import java.net.http.WebSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.time.Duration;
import java.util.Arrays;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import javax.net.ssl.HttpsURLConnection;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;

/**
 * Java's clients. `new PORT LOGIN CA URL...`: one HttpClient through an HTTP proxy; `old - LOGIN CA URL...`:
 * HttpURLConnection, whose proxy is in the system properties. Prints the answer to each URL; for `post:URL` it sends a
 * body and prints whether it came back; a `ws:` URL is a WebSocket.
 */
class Client {
    static final byte[] BODY = "A line of some length, many times over.\n".repeat(50_000).getBytes();

    public static void main(String[] args) throws Exception {
        String login = args[2];
        Authenticator authenticator = new Authenticator() {
            @Override
            protected PasswordAuthentication getPasswordAuthentication() {
                String[] parts = login.split(":");
                return new PasswordAuthentication(parts[0], parts[1].toCharArray());
            }
        };
        SSLContext trust = trust(args[3]);
        String[] urls = Arrays.copyOfRange(args, 4, args.length);
        if (args[0].equals("old")) {
            if (!login.isEmpty()) Authenticator.setDefault(authenticator);
            HttpsURLConnection.setDefaultSSLSocketFactory(trust.getSocketFactory());
            for (String url : urls) System.out.write(old(url));
            System.out.flush();
            return;
        }
        HttpClient.Builder builder = HttpClient.newBuilder()
            .proxy(ProxySelector.of(new InetSocketAddress("127.0.0.1", Integer.parseInt(args[1]))))
            .sslContext(trust)
            .connectTimeout(Duration.ofSeconds(15));
        if (!login.isEmpty()) builder.authenticator(authenticator);
        HttpClient client = builder.build();
        for (String url : urls) {
            if (url.startsWith("https:")) {
                // A tunnel that is kept keeps its address, and this client ends none while it lives.
                client = builder.build();
            }
            if (url.startsWith("ws:")) System.out.println(talk(client, url));
            else if (url.startsWith("post:")) System.out.println("posted " + post(client, url.substring(5)));
            else System.out.print(get(client, url));
        }
        System.exit(0);
    }

    static String get(HttpClient client, String url) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).timeout(Duration.ofSeconds(15)).build();
        HttpResponse<String> answer = client.send(request, BodyHandlers.ofString());
        if (answer.statusCode() != 200) throw new Exception("status " + answer.statusCode());
        return answer.body();
    }

    static String post(HttpClient client, String url) throws Exception {
        boolean whole = echoes(client, url, BodyPublishers.ofByteArray(BODY));
        boolean chunked = echoes(client, url, BodyPublishers.ofInputStream(() -> new ByteArrayInputStream(BODY)));
        return whole + " " + chunked;
    }

    static boolean echoes(HttpClient client, String url, HttpRequest.BodyPublisher body) throws Exception {
        HttpRequest request = HttpRequest.newBuilder(URI.create(url)).POST(body).build();
        return Arrays.equals(client.send(request, BodyHandlers.ofByteArray()).body(), BODY);
    }

    static byte[] old(String url) throws Exception {
        HttpURLConnection connection = (HttpURLConnection) new URL(url).openConnection();
        connection.setReadTimeout(15_000);
        if (url.startsWith("https:")) connection.setRequestProperty("Connection", "close");
        try (InputStream answer = connection.getInputStream()) {
            return answer.readAllBytes();
        }
    }

    /** What the target says first; then a message has come back unchanged. */
    static String talk(HttpClient client, String url) throws Exception {
        CompletableFuture<String> greeting = new CompletableFuture<>();
        CompletableFuture<String> echo = new CompletableFuture<>();
        WebSocket socket = client.newWebSocketBuilder()
            .buildAsync(URI.create(url), new WebSocket.Listener() {
                @Override
                public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
                    if (!greeting.complete(text.toString())) echo.complete(text.toString());
                    socket.request(1);
                    return null;
                }
            })
            .join();
        String said = greeting.get();
        socket.sendText("and back", true).join();
        if (!echo.get().equals("and back")) throw new Exception("the message came back changed");
        socket.abort();
        return said;
    }

    static SSLContext trust(String file) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null);
        byte[] pem = Files.readAllBytes(Path.of(file));
        store.setCertificateEntry(
            "test", CertificateFactory.getInstance("X.509").generateCertificate(new ByteArrayInputStream(pem)));
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(store);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        return context;
    }
}
