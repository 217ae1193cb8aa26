/** Runs npm's proxy-chain on the port given. */
import { Server } from 'proxy-chain';

await new Server({ host: '127.0.0.1', port: Number(process.argv[2]), verbose: false }).listen();
