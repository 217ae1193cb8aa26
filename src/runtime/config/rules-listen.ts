/** The rules about listeners and their certificates. */
import { formatAt, formatListeners, isPublic } from './listen.ts';
import type { Locate } from './layers.ts';
import type { Finding } from './problem.ts';
import type { Written, WrittenListener, WrittenTls } from './schema-listen.ts';

export function listenFindings(config: Partial<Written>): Finding[] {
  return [...certificates(config), ...repeatedAddresses(config), ...openAdmin(config)];
}

const MAKE_ONE = 'for work on your own machine make one with: gyre cert';

function certificates({ listen = [], tls }: Partial<Written>): Finding[] {
  const own = places(listen).flatMap(({ path, tls: files }) => half(files ?? {}, path));
  // A group that is wrong in itself may have meant to name them.
  if (tls === undefined) return own;
  const shared = half(tls, ['tls']);
  if (shared.length > 0 || (tls.cert !== undefined && tls.key !== undefined)) return [...own, ...shared];
  const without = places(listen.filter(({ tls: files }) => files !== undefined && !names(files)));
  return [
    ...own,
    ...without.map(({ path, text }) => ({
      path,
      message: `${text} has no certificate`,
      hint: `name its files: tls: {cert: FILE, key: FILE}, --tls-cert and --tls-key, or GYRE_TLS_CERT and GYRE_TLS_KEY; ${MAKE_ONE}`,
    })),
  ];
}

const names = ({ cert, key }: WrittenTls): boolean => cert !== undefined || key !== undefined;

/** A certificate and its key belong together. */
function half({ cert, key }: WrittenTls, path: readonly PropertyKey[]): Finding[] {
  if ((cert === undefined) === (key === undefined)) return [];
  const [there, missing] = cert === undefined ? ['key', 'cert'] : ['cert', 'key'];
  return [
    {
      path: [...path, there],
      message: `${there} is given, but ${missing} is not`,
      hint: `name the other file as ${path[0] === 'tls' ? `tls.${missing}, --tls-${missing} or GYRE_TLS_${missing.toUpperCase()}` : missing}; ${MAKE_ONE}`,
    },
  ];
}

/** Listeners by the place they are written in, with a text for all of them: a range of ports is one. */
export function places(
  listen: readonly WrittenListener[],
): (Pick<WrittenListener, 'path' | 'tls' | 'proxyProtocol'> & { readonly text: string })[] {
  const groups = Map.groupBy(listen, ({ path }) => path.join('.'));
  return [...groups.values()].map((group) => {
    const { path, tls, proxyProtocol } = group[0]!;
    return { path, tls, proxyProtocol, text: formatListeners(group).join(', ') };
  });
}

function repeatedAddresses({ listen = [], echo, admin }: Partial<Written>): Finding[] {
  const all = [
    ...listen,
    ...(echo === undefined ? [] : [{ at: echo, path: ['echo'] }]),
    ...(admin === undefined ? [] : [{ at: admin.at, path: ['admin', 'listen'] }]),
  ];
  const seen = new Map<string, readonly PropertyKey[]>();
  const findings = new Map<string, Finding>();
  for (const { at, path } of all) {
    // Port 0 is another port each time.
    if ('port' in at && at.port === 0) continue;
    const text = formatAt(at);
    // Two ranges that overlap are one mistake.
    if (seen.has(text) && !findings.has(path.join('.')))
      findings.set(path.join('.'), {
        path,
        message: `${text} is given twice`,
        hint:
          path[0] === 'listen'
            ? 'leave one of the two out'
            : `give the ${String(path[0])} listener a ${'port' in at ? 'port' : 'path'} of its own`,
      });
    seen.set(text, path);
  }
  return [...findings.values()];
}

/** What it can do is too much for everyone who finds it. */
function openAdmin({ admin }: Partial<Written>): Finding[] {
  if (admin === undefined || !isPublic(admin) || (admin.token ?? admin.tokenFile) !== undefined) return [];
  const text = formatAt(admin.at);
  return [
    {
      path: ['admin', 'listen'],
      message: `other hosts can reach the admin listener on ${text}, and it has no token`,
      hint: 'give it one (admin: {listen: …, tokenFile: /etc/gyre/admin-token}, or GYRE_ADMIN_TOKEN), or listen on 127.0.0.1:1082 and reach it through ssh',
    },
  ];
}

function plainTextToken({ admin }: Written): string[] {
  if (admin === undefined || !isPublic(admin)) return [];
  return [
    `the admin token travels unencrypted to ${formatAt(admin.at)}: put TLS in front of it, or listen on 127.0.0.1 and use ssh`,
  ];
}

export function listenRemarks(config: Written, locate: Locate): string[] {
  const { listen, tls } = config;
  const file = Object.entries(tls).find(([, value]) => value !== undefined)?.[0];
  const used = listen.some((listener) => listener.tls !== undefined);
  const unused =
    file === undefined || used
      ? []
      : [
          `no listener has TLS, so ${locate(['tls', file], 'key')} has no effect: write for example tls://:1443`,
        ];
  const everyone = places(listen).filter(({ proxyProtocol = [] }) => proxyProtocol.some(isEverything));
  return [
    ...unused,
    ...plainTextToken(config),
    ...everyone.map(
      ({ text }) =>
        `everyone who can reach ${text} may say which client it is: proxyProtocol trusts all addresses`,
    ),
  ];
}

/** Whether a network is all addresses of its family. */
export const isEverything = (network: string): boolean => network.endsWith('/0');
