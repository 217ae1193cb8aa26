/** Templates instead of a compiler: `html` makes preact's elements from tagged template literals. Values are text, never markup. */
import htm from 'htm';
import { h, type ComponentChildren, type VNode } from 'preact';

export const html: (strings: TemplateStringsArray, ...values: unknown[]) => VNode = htm.bind(h) as never;

export type Children = ComponentChildren;
