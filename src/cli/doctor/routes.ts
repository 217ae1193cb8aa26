/** Whether answers to the addresses of the pools would be delivered here: bound is not yet reached. */
import { ok, fail, type Check } from './finding.ts';
import { localRoute, unrouted } from './repair.ts';

export const ROUTES: Check = {
  name: 'routes',
  examine({ binds, routes }) {
    // What cannot be bound is told already.
    const bound = binds.filter(({ failed }) => failed.length === 0).map(({ range }) => range);
    const lacking = bound.flatMap((range) =>
      unrouted(range, routes).map((prefix) => ({ family: range.family, prefix })),
    );
    if (bound.length === 0) return [];
    if (lacking.length === 0) return [ok('packets to the addresses of the pools are delivered on this host')];
    const named = lacking.slice(0, 3).map(({ prefix }) => prefix);
    const more = lacking.length > named.length ? ` and ${lacking.length - named.length} more` : '';
    return [
      fail(
        `connections can leave from ${named.join(', ')}${more}, but answers would not come in: there is no local route`,
        ...lacking.map(({ family, prefix }) => localRoute(family, prefix)),
      ),
    ];
  },
};
