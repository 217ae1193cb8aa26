/** Starts the echo listener beside the load test, so that they do not wait for each other. */
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

export interface EchoThread {
  readonly port: number;
  close(): Promise<void>;
}

export async function startEchoThread(): Promise<EchoThread> {
  // In a checkout this is TypeScript, in a package JavaScript.
  const name = import.meta.url.endsWith('.ts') ? './echo-thread.ts' : './echo-thread.js';
  const worker = new Worker(new URL(name, import.meta.url));
  const [port] = (await once(worker, 'message')) as [number];
  worker.unref();
  return {
    port,
    close: async () => {
      await worker.terminate();
    },
  };
}
