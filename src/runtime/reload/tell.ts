/** What the log says of a reload. */
import type { ReloadReport } from '../../admin/api.ts';
import type { Log } from '../../ops/log.ts';

/** Changes and problems that are named; the report has all of them. */
const MOST = 20;

export function tellReload(
  log: Log,
  { ok, trigger, changes, needsRestart, problems, durationMs }: ReloadReport,
): void {
  if (ok) {
    const changed = changes.slice(0, MOST).map(({ path }) => path);
    log.info('the configuration has been reloaded', {
      trigger,
      changes: changes.length,
      changed,
      ms: Math.round(durationMs),
    });
    if (needsRestart.length > 0)
      log.warn('some of what has changed takes a restart: it stays as it was', { paths: needsRestart });
    return;
  }
  const said = problems.slice(0, MOST).map(({ where, message, hint }) => {
    return `${where}: ${message}${hint === null ? '' : ` (${hint})`}`;
  });
  log.error('the configuration was not reloaded: the one before stays in use', { trigger, problems: said });
}
