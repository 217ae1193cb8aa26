/** Runs npm's socksv5 on the port given. */
import { createRequire } from 'node:module';

/** The part of it that is used here; the package has no types. */
interface Socksv5 {
  createServer(): { useAuth(auth: unknown): void; listen(port: number, host: string): void };
  readonly auth: { None(): unknown };
}

const socks = createRequire(import.meta.url)('socksv5') as Socksv5;
const server = socks.createServer();
server.useAuth(socks.auth.None());
server.listen(Number(process.argv[2]), '127.0.0.1');
