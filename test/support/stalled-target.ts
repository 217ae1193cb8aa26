/** A target that answers no SYN: a listener whose queue is full and whose process sleeps. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const LISTENER = `
  const server = require('node:net').createServer();
  server.listen({ host: process.argv[1], port: 0, backlog: 1 }, () => console.log(server.address().port));
`;

export interface StalledTarget extends AsyncDisposable {
  readonly port: number;
}

/** @param host The only address it is silent on. */
export async function stalledTarget(host = '127.0.0.1'): Promise<StalledTarget> {
  const child = spawn(process.execPath, ['-e', LISTENER, host], { stdio: ['ignore', 'pipe', 'inherit'] });
  const [line] = (await once(child.stdout, 'data')) as [Buffer];
  const port = Number(line.toString());
  child.kill('SIGSTOP');
  // A queue of 1 takes two connections; the kernel drops the SYN of the third.
  const fillers: Socket[] = [];
  for (let i = 0; i < 2; i++) {
    const filler = connect(port, host).on('error', () => {});
    await once(filler, 'connect');
    fillers.push(filler);
  }
  return {
    port,
    async [Symbol.asyncDispose]() {
      for (const filler of fillers) filler.destroy();
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}
