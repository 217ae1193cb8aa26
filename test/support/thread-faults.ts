/** Code run inside the worker threads of this process, as a debugger would: faults can be had without any help of theirs. */
import { Session } from 'node:inspector';

interface Attached {
  readonly sessionId: string;
  readonly workerInfo: { readonly title: string; readonly url: string };
}

export class ThreadFaults implements Disposable {
  readonly #session = new Session();
  /** The inspector's name of the latest thread in each lane. */
  readonly #lanes = new Map<number, string>();
  #asked = 0;

  constructor() {
    this.#session.connect();
    this.#session.on('NodeWorker.attachedToWorker', ({ params }: { params: Attached }) => {
      const lane = /gyre-lane-(\d+)/.exec(params.workerInfo.title)?.[1];
      if (lane !== undefined) this.#lanes.set(Number(lane), params.sessionId);
    });
    this.#session.post('NodeWorker.enable', { waitForDebuggerOnStart: false });
  }

  /** Runs it in the thread that has the place of that lane now. It need not come to an end. */
  run(lane: number, expression: string): void {
    const sessionId = this.#lanes.get(lane);
    if (sessionId === undefined) throw new Error(`no thread of lane ${lane} is known`);
    const message = { id: ++this.#asked, method: 'Runtime.evaluate', params: { expression } };
    this.#session.post('NodeWorker.sendMessageToWorker', { sessionId, message: JSON.stringify(message) });
  }

  [Symbol.dispose](): void {
    this.#session.disconnect();
  }
}

/** The same in another process, which was started with `--inspect`. */
export class ThreadFaultsIn implements AsyncDisposable {
  readonly #socket: WebSocket;
  readonly #lanes = new Map<number, string>();
  #asked = 0;
  #wake: (() => void) | undefined = undefined;

  private constructor(url: string) {
    this.#socket = new WebSocket(url);
    this.#socket.addEventListener('message', ({ data }) => {
      const { method, params } = JSON.parse(String(data)) as { method?: string; params?: Attached };
      if (method !== 'NodeWorker.attachedToWorker') return;
      const lane = /gyre-lane-(\d+)/.exec(params!.workerInfo.title)?.[1];
      if (lane !== undefined) this.#lanes.set(Number(lane), params!.sessionId);
      this.#wake?.();
    });
  }

  /** @param url As the process says it: `ws://127.0.0.1:9229/…`. */
  static async open(url: string): Promise<ThreadFaultsIn> {
    const faults = new ThreadFaultsIn(url);
    await new Promise<void>((resolve, reject) => {
      faults.#socket.addEventListener('open', () => resolve());
      faults.#socket.addEventListener('error', () => reject(new Error(`no inspector at ${url}`)));
    });
    faults.#send('NodeWorker.enable', { waitForDebuggerOnStart: false });
    return faults;
  }

  async run(lane: number, expression: string): Promise<void> {
    while (!this.#lanes.has(lane)) await new Promise<void>((resolve) => (this.#wake = resolve));
    const message = JSON.stringify({ id: ++this.#asked, method: 'Runtime.evaluate', params: { expression } });
    this.#send('NodeWorker.sendMessageToWorker', { sessionId: this.#lanes.get(lane), message });
  }

  #send(method: string, params: unknown): void {
    this.#socket.send(JSON.stringify({ id: ++this.#asked, method, params }));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = new Promise((resolve) => this.#socket.addEventListener('close', resolve));
    this.#socket.close();
    await closed;
  }
}
