/** The files for Prometheus and Grafana that come with Gyre, and what they ask for. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export const PROMETHEUS: string = fileURLToPath(new URL('../../deploy/prometheus', import.meta.url));
const GRAFANA = new URL('../../deploy/grafana/gyre.json', import.meta.url);

export interface Alert {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface Panel {
  readonly id: number;
  readonly title: string;
  readonly type: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly targets?: readonly { readonly expr: string }[];
}

interface Variable {
  readonly name: string;
  readonly type: string;
  readonly definition?: string;
}

export interface Dashboard {
  readonly uid: string;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
  readonly annotations: { readonly list: readonly { readonly expr: string }[] };
}

export function alerts(): readonly Alert[] {
  const { groups } = parse(readFileSync(`${PROMETHEUS}/alerts.yml`, 'utf8')) as {
    groups: { rules: Alert[] }[];
  };
  return groups.flatMap(({ rules }) => rules);
}

export function dashboard(): Dashboard {
  return JSON.parse(readFileSync(GRAFANA, 'utf8')) as Dashboard;
}

/** Every query of the dashboard, with Grafana's variables filled in. */
export function dashboardQueries(): readonly string[] {
  const { panels, annotations } = dashboard();
  const queries = [...panels.flatMap(({ targets = [] }) => targets), ...annotations.list];
  return queries.map(({ expr }) =>
    expr
      .replaceAll('$__rate_interval', '1m')
      .replaceAll('$__interval', '1m')
      .replaceAll(/\$(?:job|instance|pool)/g, '.*'),
  );
}

/** Names of Gyre's metrics, and those of the process, in a query. */
export function metricsIn(query: string): readonly string[] {
  return query.match(/\b(?:gyre|process|nodejs)_[a-z0-9_]+/g) ?? [];
}
