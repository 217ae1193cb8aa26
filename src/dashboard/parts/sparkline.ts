/** A small line of the last minutes. uPlot draws it; who does not see it is told its range. */
import { useEffect, useRef } from 'preact/hooks';
import type { VNode } from 'preact';
import uPlot from 'uplot';
import { coloursOf, onThemeChange } from '../data/settings.ts';
import { html } from './html.ts';

export type Columns = [number[], ...(number | null)[][]];

interface Props {
  /** For screen readers. */
  readonly label: string;
  readonly data: Columns;
  /** Names of style sheet variables, one a line. */
  readonly colours: readonly string[];
}

const HEIGHT = 44;
const FIRST_SPAN_S = 60;

export function Sparkline({ label, data, colours }: Props): VNode {
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | undefined>(undefined);
  const latest = useRef(data);
  latest.current = data;
  useEffect(() => {
    const draw = (): void => {
      plot.current?.destroy();
      plot.current = make(place.current!, latest.current, coloursOf(colours));
    };
    draw();
    const sizes = new ResizeObserver(([entry]) => {
      plot.current?.setSize({ width: Math.floor(entry!.contentRect.width), height: HEIGHT });
    });
    sizes.observe(place.current!);
    const forget = onThemeChange(draw);
    return () => {
      sizes.disconnect();
      forget();
      plot.current?.destroy();
    };
  }, []);
  useEffect(() => plot.current?.setData(data), [data]);
  return html`<div class="spark" ref=${place} role="img" aria-label=${label}></div>`;
}

function make(place: HTMLElement, data: Columns, colours: readonly string[]): uPlot {
  const line = (stroke: string, index: number): uPlot.Series => ({
    stroke,
    width: index === 0 ? 1.75 : 1.25,
    points: { show: false },
    ...(index === 0 && { fill: stroke.replace('rgb(', 'rgba(').replace(')', ', 0.13)') }),
  });
  const options: uPlot.Options = {
    width: Math.max(40, place.clientWidth),
    height: HEIGHT,
    pxAlign: false,
    padding: [3, 0, 0, 0],
    legend: { show: false },
    cursor: { show: false },
    axes: [{ show: false }, { show: false }],
    scales: {
      // The newest second is at the right edge. What is known fills the width, from a minute to all five.
      x: { time: true, range: (_, oldest, newest) => [Math.min(oldest, newest - FIRST_SPAN_S), newest] },
      y: { range: (_, __, high) => [0, Math.max(high ?? 0, 1e-6) * 1.05] },
    },
    series: [{}, ...colours.map(line)],
  };
  return new uPlot(options, data, place);
}
