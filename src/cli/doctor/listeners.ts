/** Whether the listeners could be had, or are ours already. */
import { probe, StartError, type ListenerConfig } from '../../listener.ts';
import { formatListeners } from '../../runtime/config/listen.ts';
import { connectTo } from '../connect.ts';
import { Failure } from '../exit.ts';
import { isOpen, proxyAt } from '../own-proxy.ts';
import { probeUnix } from '../probe-unix.ts';
import { greet } from '../socks-client.ts';
import { fail, ok, warn, type Check, type Finding } from './finding.ts';

const DEADLINE_MS = 2000;

export const LISTENERS: Check = {
  name: 'listeners',
  examine: ({ loaded }) => Promise.all(loaded.config.listen.map(examine)),
};

async function examine(listener: ListenerConfig): Promise<Finding> {
  const [where = ''] = formatListeners([listener]);
  const { at } = listener;
  try {
    await ('path' in at ? probeUnix(at.path) : probe(at));
    return ok(`${where} is free`);
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const who = await whoIsThere(listener);
    if (who === 'proxy') return ok(`${where} is taken by a proxy that answers: Gyre runs already, it seems`);
    if (who === 'unknown')
      return warn(
        `${where} is taken, by Gyre or by another program: it asks for what the doctor does not have`,
      );
    return fail(error.message + (error.hint === undefined ? '' : `: ${error.hint}`), ...portFix(listener));
  }
}

async function whoIsThere(listener: ListenerConfig): Promise<'proxy' | 'unknown' | 'stranger'> {
  const { at } = listener;
  if (!isOpen(listener)) return 'unknown';
  const here = 'path' in at ? { address: `unix:${at.path}`, port: 0 } : { address: at.host, port: at.port };
  const signal = AbortSignal.timeout(DEADLINE_MS);
  try {
    const socket = await connectTo(proxyAt(here, listener), 'the listener', signal);
    try {
      await greet(socket, [0x00, 0x02]);
      return 'proxy';
    } finally {
      socket.destroy();
    }
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    return 'stranger';
  }
}

/** Who has the port. */
function portFix({ at }: ListenerConfig): string[] {
  return 'path' in at ? [] : [`ss -ltnp 'sport = :${at.port}'`];
}
