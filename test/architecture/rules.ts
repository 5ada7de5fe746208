/**
 * design.md, section 4, as a function of sources: imports point down only, there is no cycle, and clock, environment,
 * process and randomness are touched in `system/` alone.
 */

import { posix } from 'node:path';
import { touchesOf } from './ambient.ts';
import { type Import, importsOf } from './imports.ts';
import { tokenize } from './tokens.ts';

/** From below; those of one floor are siblings and never import each other. */
const FLOORS = [
  ['contract'],
  ['pgp'],
  ['store'],
  ['repository'],
  ['host-agent', 'functions'],
  ['operator', 'local'],
  ['cli', 'demo'],
];
/** These may import anything and touch anything, and are imported by nobody else. */
const OUTSIDE = ['bin', 'test', 'bench', 'docs', 'infra'];
const CONTRACT_MAY = ['zod', 'node:crypto'];

const floorOf = (top: string) => FLOORS.findIndex((floor) => floor.includes(top));
const topOf = (file: string) => file.split('/')[0] ?? '';

/** Every violation, as `file:line: what is wrong`; `sources` by path from the root. */
export function violations(sources: ReadonlyMap<string, string>): string[] {
  const found: string[] = [];
  const graph = new Map<string, string[]>();
  for (const [file, source] of sources) {
    const top = topOf(file);
    const isOutside = OUTSIDE.includes(top);
    if (!isOutside && top !== 'system' && floorOf(top) < 0) found.push(`${file}:1: ${top} is no folder of the design`);
    const tokens = tokenize(source, file);
    const imports = importsOf(tokens);
    const targets: string[] = [];
    for (const one of imports) {
      const target = one.specifier?.startsWith('.') ? posix.join(posix.dirname(file), one.specifier) : null;
      if (target !== null && sources.has(target)) targets.push(target);
      const why = whyNot(file, one, target, sources);
      if (why !== null) found.push(`${file}:${one.line}: ${why}`);
    }
    graph.set(file, targets);
    if (isOutside || top === 'system') continue;
    for (const { what, how, line } of touchesOf(tokens, imports)) {
      found.push(`${file}:${line}: touches the ${what} (${how}), which only system/ may`);
    }
  }
  return [...found, ...cycles(graph).map((cycle) => `${cycle[0]}:1: a cycle: ${cycle.join(' > ')}`)];
}

function whyNot(file: string, one: Import, target: string | null, sources: ReadonlyMap<string, string>): string | null {
  const from = topOf(file);
  if (OUTSIDE.includes(from)) return null;
  if (one.specifier === null) return 'imports what is not a plain text';
  if (target === null) {
    const isAllowed = from !== 'contract' || CONTRACT_MAY.includes(one.specifier);
    return isAllowed ? null : `contract imports ${one.specifier}; it may import only ${CONTRACT_MAY.join(', ')}`;
  }
  if (!sources.has(target)) return target.endsWith('.json') ? null : `imports ${target}, which is not there`;
  const to = topOf(target);
  if (from === to) return null;
  if (from === 'system')
    return target === 'contract/errors.ts' ? null : `system imports ${target}; it may only contract/errors`;
  if (to === 'system') return from === 'contract' ? `contract imports ${target}` : null;
  if (floorOf(to) < 0) return `imports ${target}, which nobody may`;
  if (floorOf(to) < floorOf(from)) return null;
  return floorOf(to) === floorOf(from) ? `imports its sibling ${target}` : `imports ${target}, which is above it`;
}

/** One cycle for each group of files that reach each other. */
function cycles(graph: ReadonlyMap<string, readonly string[]>): string[][] {
  const found: string[][] = [];
  const done = new Set<string>();
  const path: string[] = [];
  const visit = (file: string) => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file]);
    if (start >= 0 || done.has(file)) return;
    path.push(file);
    for (const target of graph.get(file) ?? []) visit(target);
    path.pop();
    done.add(file);
  };
  for (const file of graph.keys()) visit(file);
  return found;
}
