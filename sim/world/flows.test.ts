/** Every flow of the product runs in the worlds, or stands here with the reason why it does not. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';

const root = dirname(dirname(import.meta.dirname));

/** Flows that no world runs. A new one joins the worlds in the change that makes it. */
const left: Readonly<Record<string, string>> = {
  'core/flows/await-boots.ts': 'a world has workers and no instances',
  'core/flows/fleet.ts': 'reads what workers said, and changes nothing',
  'core/flows/usage.ts': 'reads the ledger, and changes nothing',
};

const isOfTests = (file: string) => /\.(test|fuzz|contract|memory-child)\.ts$/.test(file);
const filesOf = (pattern: string) => globSync(pattern, { cwd: root }).filter((file) => !isOfTests(file));

/** What a type asks for is not run: such imports are not followed. */
const valueImport = /^(?:import|export)(?! type )[^;]*?from '([^']+)';/gm;

function importsOf(file: string): string[] {
  const text = readFileSync(join(root, file), 'utf8');
  return [...text.matchAll(valueImport)].flatMap(([, target = '']) => {
    if (target.startsWith('#')) return [target.slice(1)];
    return target.startsWith('.') ? [relative(root, join(root, dirname(file), target))] : [];
  });
}

/** Every file that is loaded with these. */
function reachedFrom(starts: readonly string[]): ReadonlySet<string> {
  const reached = new Set<string>();
  const open = [...starts];
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    if (reached.has(file)) continue;
    reached.add(file);
    open.push(...importsOf(file));
  }
  return reached;
}

/** One that exports types alone does nothing. */
const doesSomething = (file: string) =>
  /^export (?:async )?(?:function|const|class)/m.test(readFileSync(join(root, file), 'utf8'));

describe('flows', () => {
  const flows = filesOf('core/flows/*.ts').filter(doesSomething);
  const reached = reachedFrom(filesOf('sim/world/**/*.ts'));

  it('are found, and so are the imports that lead to them', () => {
    expect(flows.length).toBeGreaterThan(50);
    expect(reached).toContain('core/flows/settle.ts');
  });

  it('run in the worlds, or there is a reason why not', () => {
    expect(flows.filter((flow) => !reached.has(flow) && left[flow] === undefined)).toEqual([]);
  });

  it('have no reason that is none: each names a flow that is there and that no world runs', () => {
    expect(Object.keys(left).filter((flow) => reached.has(flow) || !flows.includes(flow))).toEqual([]);
  });
});
