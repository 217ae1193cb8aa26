// Node's own fetch through Gyre, without a line of proxy code: the proxy comes from the environment.
//
//   NODE_USE_ENV_PROXY=1 HTTPS_PROXY=http://127.0.0.1:1080 node examples/node-fetch.mjs [URL]
//
// With users: HTTPS_PROXY=http://alice:s3cret@127.0.0.1:1080
const url = process.argv[2] ?? 'https://api.ipify.org';

for (let i = 0; i < 3; i += 1) {
  // fetch keeps its connections, and a connection keeps its address. `connection: close` asks for a new one each time.
  const response = await fetch(url, { headers: { connection: 'close' } });
  console.log(await response.text());
}
