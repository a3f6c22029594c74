/** For `mutate.ts`: which blocks of a file its tests never enter, by V8's own block coverage. A setup file of vitest. */
import { writeFileSync } from 'node:fs';
import type { Debugger } from 'node:inspector';
import { Session } from 'node:inspector/promises';
import { afterAll } from 'vitest';

const { MUTATE_FILE: file = '', MUTATE_REPORT: report = '' } = process.env;

/** How vitest hands out exports; none of the file's own. */
const ofVite = /^(\(\) => \{ try \{ return \w+ \} )?catch \{\}( \})?$/;

const session = new Session();
session.connect();
const scripts = new Map<string, Debugger.ScriptParsedEventDataType>();
session.on('Debugger.scriptParsed', ({ params }) => scripts.set(params.scriptId, params));
await session.post('Debugger.enable');
await session.post('Profiler.enable');
await session.post('Profiler.startPreciseCoverage', { callCount: true, detailed: true });

afterAll(async () => {
  const { result } = await session.post('Profiler.takePreciseCoverage');
  for (const { scriptId, functions } of result.filter(({ url }) => url.endsWith(file))) {
    const { scriptSource } = await session.post('Debugger.getScriptSource', { scriptId });
    const untaken = functions
      .flatMap(({ ranges }) => ranges)
      .filter(({ count }) => count === 0)
      .map(({ startOffset, endOffset }) => scriptSource.slice(startOffset, endOffset).trim())
      .filter((block) => !ofVite.test(block));
    writeFileSync(report, JSON.stringify(untaken));
  }
});
