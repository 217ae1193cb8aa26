/** The vectors of the matrix: what a client sends, to which kind of listener, and what it has to hear. */
import type { HostileWorld, ListenerName } from './hostile-world.ts';

export interface Vector {
  readonly name: string;
  /** Sent to a gateway that asks for credentials. */
  readonly users: boolean;
  readonly listener: ListenerName;
  /** The client speaks TLS, and the stages are inside. */
  readonly secure: boolean;
  /** The messages of the client; an ordinary one waits for an answer to each. */
  readonly stages: readonly Buffer[];
  /** What it hears in the end, in a word of `hostile-judge.ts`; undefined: anything that is whole and valid. */
  readonly verdict: string | undefined;
  /** Nothing but a deadline ends it. */
  readonly stalls: boolean;
  /** Whether something is dialled, */
  readonly dials: boolean;
  /** and after how many bytes it may be. */
  readonly dialsFrom: number;
  /** HTTP answers after which the client has what it wanted. */
  readonly answers: number;
  /** Of the last of them; undefined: any. */
  readonly body: string | undefined;
  /** Another request that would be dialled, if it were read as one. */
  readonly next: Buffer;
  /** Whether it makes no difference that stages are sent before they are asked for. */
  readonly pipelined: boolean;
  /** Whether bytes behind the last stage are no message to the gateway: a tunnel's, or nobody's. */
  readonly tail: boolean;
  /** Offsets to try, about; a vector that is shorter is tried at each. */
  readonly spots: number;
}

/** A builder: everything has a default but what makes the vector. */
export type Draft = Pick<Vector, 'name' | 'stages' | 'verdict'> & Partial<Vector>;

/** @param protocol Stands before the name. @param guarded Those that are sent to a gateway with users. */
export function vectorsOf(
  protocol: string,
  drafts: readonly Draft[],
  guarded: readonly Draft[],
  next: Buffer,
): Vector[] {
  const open = drafts.map((draft) => vector(draft, next, `${protocol}, ${draft.name}`));
  return open.concat(
    guarded.map((draft) => vector(draft, next, `${protocol}, users: ${draft.name}`, { users: true })),
  );
}

export function vector(
  draft: Draft,
  next: Buffer,
  name: string = draft.name,
  more?: Partial<Vector>,
): Vector {
  const dials = draft.verdict === 'tunnel';
  const length = draft.stages.reduce((sum, { length }) => sum + length, 0);
  return {
    users: false,
    listener: 'plain',
    secure: false,
    dials,
    dialsFrom: length,
    answers: 1,
    next,
    body: undefined,
    pipelined: true,
    tail: draft.pipelined ?? true,
    stalls: false,
    spots: 400,
    ...draft,
    ...more,
    name,
  };
}

/** What vectors have to know of the world. */
export type Ports = Pick<HostileWorld, 'targets' | 'closedPort'>;

export const hex = (text: string): Buffer => Buffer.from(text.replaceAll(/\s/g, ''), 'hex');
export const port = (number: number): Buffer => Buffer.of(number >> 8, number & 255);
export const quad = (address: string): Buffer => Buffer.from(address.split('.').map(Number));
/** Text behind its length in one byte. */
export const counted = (text: string | Buffer): Buffer => {
  const bytes = Buffer.from(text as string, 'latin1');
  return Buffer.concat([Buffer.of(bytes.length), bytes]);
};

/** A request head of these lines. */
export const request = (...lines: readonly string[]): Buffer =>
  Buffer.from([...lines, '', ''].join('\r\n'), 'latin1');
/** @param login `name:password`. */
export const basic = (login: string): string =>
  `Proxy-Authorization: Basic ${Buffer.from(login, 'latin1').toString('base64')}`;
