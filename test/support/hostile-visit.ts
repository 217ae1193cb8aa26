/** One client of the matrix: sends what its case says, and tells what it met. */
import { connect, type Socket } from 'node:net';
import { sentBy, type Case } from './hostile-cases.ts';
import { judge, judgeRecords, type Judgement, type Malformed } from './hostile-judge.ts';
import { behindHeader } from './hostile-oracle.ts';
import { tlsOver } from './hostile-secure.ts';
import { PLANTED } from './hostile-world.ts';

export interface Outcome {
  readonly case: Case;
  /** `address:port` the gateway saw, if the connection came about. */
  readonly client: string;
  /** What was heard in the end; empty where nobody listened to the end. */
  readonly verdict: string;
  /** Why that is wrong. */
  readonly problem: string | undefined;
  /** What is wrong with the bytes of the tunnel, in case it led to the target that echoes. */
  readonly tunnelProblem: string | undefined;
}

/** Where a visit goes, and as whom. */
export interface Address {
  readonly port: number;
  /** Its own, of 127.0.0.0/8: the access line names it. */
  readonly from: string;
  readonly ca: string;
}

/** Nobody may be kept waiting for longer than any deadline of the gateways, by far; milliseconds. */
export const PATIENCE_MS = 20_000;
/** Between two segments: long enough for the gateway to read the first one, mostly; milliseconds. */
const MOMENT_MS = 2;
/** Said when the tunnel stands. */
const MARK = Buffer.from('<mark>');

export class Visit {
  readonly #case: Case;
  readonly #asked: Buffer;
  readonly #raw: boolean;
  readonly #done: (outcome: Outcome) => void;
  readonly #tcp: Socket;
  readonly #wire: Socket;
  readonly #chunks: Buffer[] = [];
  #judged: Judgement = { verdict: 'silence' };
  #problem: string | undefined = undefined;
  #next = 0;
  #left = false;
  #secured = false;
  #over = false;
  #client = '';
  readonly begunAt: number = performance.now();

  constructor(wanted: Case, { port, from, ca }: Address, done: (outcome: Outcome) => void) {
    const { vector } = wanted;
    const sent = sentBy(wanted);
    this.#case = wanted;
    this.#asked = vector.listener === 'proxied' ? (behindHeader(sent) ?? Buffer.alloc(0)) : sent;
    this.#raw = vector.listener === 'tls' && !vector.secure;
    this.#done = done;
    const options = { port, host: '127.0.0.1', localAddress: from, allowHalfOpen: true, noDelay: true };
    this.#tcp = connect(options, () => {
      this.#client = `${from}:${this.#tcp.localPort}`;
      if (!vector.secure) this.#advance();
    });
    this.#wire = vector.secure ? tlsOver(this.#tcp, { ca, servername: 'localhost' }) : this.#tcp;
    this.#wire.once('secureConnect', () => {
      this.#secured = true;
      this.#advance();
    });
    this.#listen();
  }

  /** Too long has passed. */
  giveUp(): void {
    this.#problem ??= 'nothing happens any more';
    this.#tcp.destroy();
  }

  #listen(): void {
    const wire = this.#wire;
    wire.on('data', (chunk: Buffer) => this.#hear(chunk));
    wire.on('end', () => {
      this.#left = true;
      if (!wire.writableEnded) wire.end();
    });
    // Under TLS each of the two may be the only one to hear of the end.
    for (const socket of new Set([wire, this.#tcp])) {
      socket.on('error', (error) => this.#fail(error)).on('close', () => this.#finish());
    }
  }

  #fail(error: NodeJS.ErrnoException): void {
    this.#left = true;
    // OpenSSL closes on noise, without reading the rest of it; and a hasty gateway may not wait for the end of TLS.
    const early = !this.#secured && this.#case.vector.listener === 'tls';
    if (this.#case.ending === 'rst' || (early && error.code === 'ECONNRESET')) return;
    this.#problem ??= `${error.code}: ${error.message}`;
  }

  #hear(chunk: Buffer): void {
    this.#chunks.push(chunk);
    if (this.#judged.tunnelAt === undefined) {
      try {
        const got = Buffer.concat(this.#chunks);
        this.#judged = this.#raw ? judgeRecords(got) : judge(this.#asked, got);
      } catch (error) {
        this.#problem ??= (error as Malformed).message;
        this.#tcp.destroy();
        return;
      }
      if (this.#case.pace === 'answer' && this.#next > 0) return this.#advance();
    }
    this.#leaveIfServed();
  }

  /** Writes the next piece, and when there is none left ends as the case says. */
  #advance(): void {
    const { writes, pace } = this.#case;
    if (this.#left) return;
    const piece = writes[this.#next];
    if (piece === undefined) return this.#leave();
    this.#next++;
    this.#wire.write(piece);
    if (this.#next === writes.length) return this.#leave();
    if (pace === 'moment') setTimeout(() => this.#advance(), MOMENT_MS);
  }

  #leave(): void {
    const { ending } = this.#case;
    if (ending === 'fin') this.#wire.end();
    // Half of the resets come when the bytes have arrived, the others when they have most likely been read.
    else if (ending === 'rst')
      setTimeout(() => this.#tcp.resetAndDestroy(), this.#tcp.localPort! % 2 ? 0 : MOMENT_MS);
    else this.#leaveIfServed();
  }

  /** A client that waits says goodbye when its tunnel stands, or when it has all answers it came for. */
  #leaveIfServed(): void {
    const { writes, ending, vector } = this.#case;
    if (ending !== 'wait' || this.#next < writes.length || this.#wire.writableEnded) return;
    const { tunnelAt, verdict, answers = 0 } = this.#judged;
    if (tunnelAt !== undefined) this.#wire.end(MARK);
    else if (verdict.startsWith('http') && answers >= vector.answers) this.#wire.end();
  }

  #finish(): void {
    if (this.#over) return;
    this.#over = true;
    this.#wire.destroy();
    this.#tcp.destroy();
    const { verdict, tunnelAt } = this.#judged;
    const listened = this.#case.ending !== 'rst';
    if (listened) this.#problem ??= this.#wrong();
    this.#done({
      case: this.#case,
      client: this.#client,
      verdict: listened ? verdict : '',
      problem: this.#problem,
      tunnelProblem: listened && tunnelAt !== undefined ? this.#wrongEcho(tunnelAt) : undefined,
    });
  }

  #wrong(): string | undefined {
    const { verdict, tunnelAt, body } = this.#judged;
    const answers = Buffer.concat(this.#chunks).subarray(0, tunnelAt);
    if (answers.includes(PLANTED)) return 'the answer has a password in it';
    if (verdict === 'partial') return `the answer is cut short: ${answers.toString('hex')}`;
    const { verdict: wanted, vector } = this.#case;
    if (wanted === undefined) return undefined;
    if (wanted !== verdict) return `${verdict} instead of ${wanted}`;
    return vector.body === undefined || body?.toString('latin1') === vector.body ? undefined : 'another body';
  }

  #wrongEcho(at: number): string | undefined {
    const { early, ending } = this.#case;
    const echo = Buffer.concat(this.#chunks).subarray(at);
    const mark = ending === 'wait' ? MARK : Buffer.alloc(0);
    const said = Buffer.concat([this.#asked, mark]);
    const expected =
      early === undefined ? said.subarray(said.length - echo.length) : Buffer.concat([early, mark]);
    return echo.equals(expected) ? undefined : `the tunnel said ${echo.length} bytes, not ${expected.length}`;
  }
}
