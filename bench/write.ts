/** Keeps a run: tables and pictures in `docs/`, every figure in `bench/results/`. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { charts } from './report/charts.ts';
import { type Run, toJson } from './report/record.ts';

const BEGIN = '<!-- bench:begin -->';
const END = '<!-- bench:end -->';

/** Puts the report between the markers of the document, the pictures beside it, and the figures beside the bench. */
export function write(run: Run, report: string, out: string): void {
  const text = readFileSync(out, 'utf8');
  const begin = text.indexOf(BEGIN);
  const stop = text.indexOf(END);
  if (begin < 0 || stop < begin) throw new Error(`${out} lacks the markers ${BEGIN} and ${END}`);
  writeFileSync(out, `${text.slice(0, begin + BEGIN.length)}\n\n${report}\n\n${text.slice(stop)}`);
  const images = join(dirname(out), 'images');
  mkdirSync(images, { recursive: true });
  for (const [name, picture] of charts(run)) writeFileSync(join(images, name), picture);
  const results = fileURLToPath(new URL('./results/', import.meta.url));
  mkdirSync(results, { recursive: true });
  writeFileSync(join(results, 'latest.json'), toJson(run));
}
