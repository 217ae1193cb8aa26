/** The HTTP endpoint of an operator who knows its users itself. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** What it is asked. */
export interface Question {
  readonly user: string;
  readonly password: string;
  readonly client: string;
}

/** A status, and the fields of a yes. */
export type Verdict = number | Readonly<Record<string, unknown>>;

export interface UserCheck extends AsyncDisposable {
  readonly url: string;
  readonly asked: readonly Question[];
  /** From now on. */
  answer(judge: (question: Question) => Verdict | Promise<Verdict>): void;
}

/** Says no until it is told otherwise. */
export async function startUserCheck(path = '/check', credentials = ''): Promise<UserCheck> {
  const asked: Question[] = [];
  let judge: (question: Question) => Verdict | Promise<Verdict> = () => 403;
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.once('end', () => {
      const question = JSON.parse(body) as Question;
      asked.push(question);
      void Promise.resolve(judge(question)).then((verdict) => {
        if (typeof verdict === 'number') response.writeHead(verdict).end();
        else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(verdict));
      });
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `http://${credentials}127.0.0.1:${(server.address() as AddressInfo).port}${path}`,
    asked,
    answer: (other) => void (judge = other),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
