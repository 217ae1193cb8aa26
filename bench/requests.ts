/** Plain HTTP through a proxy: GET with the whole URL, and an answer that has to be the one to this request. */
import { each } from './each.ts';
import { BODY_BYTES, type Route, type Work } from './job.ts';
import { loginLine, Tunnel } from './tunnel.ts';

type Requests = Extract<Work, { kind: 'requests' }>;

async function ask(tunnel: Tunnel, route: Route, serial: number, keep: boolean): Promise<void> {
  const path = `/request/${serial}`;
  const authority = `127.0.0.1:${route.sinkPort}`;
  const connection = keep ? 'keep-alive' : 'close';
  tunnel.write(
    `GET http://${authority}${path} HTTP/1.1\r\nHost: ${authority}\r\n${loginLine(route)}Connection: ${connection}\r\n\r\n`,
  );
  const head = (await tunnel.takeHead()).toString('latin1');
  if (!/^HTTP\/1\.[01] 200 /.test(head)) throw new Error(`GET: ${head.split('\r\n', 1)[0]}`);
  const length = Number(/^content-length: *(\d+)\r$/im.exec(head)?.[1]);
  if (length !== BODY_BYTES) throw new Error(`an answer with Content-Length ${length}`);
  const body = (await tunnel.take(BODY_BYTES)).toString('latin1').trimEnd();
  if (body !== path) throw new Error(`the answer to ${path} is ${body}`);
}

interface Prepared {
  run(): Promise<void>;
  check?(): Promise<void>;
}

/** Each request over a connection of its own. */
function single(route: Route, work: Requests): Prepared {
  const one = async (serial: number): Promise<void> => {
    const tunnel = await Tunnel.open(route);
    await ask(tunnel, route, serial, false);
    await tunnel.closed();
  };
  return { run: () => each(work.count, work.lanes, one) };
}

/** All requests of a lane over one connection, which has to stay. */
async function kept(route: Route, work: Requests): Promise<Prepared> {
  const lanes = await Promise.all(
    Array.from({ length: work.lanes }, async () => {
      const tunnel = await Tunnel.open(route);
      await ask(tunnel, route, 0, true);
      return tunnel;
    }),
  );
  const share = Math.floor(work.count / work.lanes);
  const talk = async (tunnel: Tunnel, lane: number): Promise<void> => {
    for (let turn = 0; turn < share; turn++) await ask(tunnel, route, lane * share + turn, true);
  };
  const farewell = async (tunnel: Tunnel): Promise<void> => {
    await ask(tunnel, route, 0, false);
    await tunnel.closed();
  };
  return {
    run: async () => void (await Promise.all(lanes.map(talk))),
    check: async () => void (await Promise.all(lanes.map(farewell))),
  };
}

export const requests = (route: Route, work: Requests): Prepared | Promise<Prepared> =>
  work.kept ? kept(route, work) : single(route, work);
