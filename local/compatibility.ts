/**
 * The tables of docs/compatibility/: what official clients were seen to do. The tests that drive a client write its table
 * and are held to it; `vitest -u` writes it anew.
 */
import { expect, it } from 'vitest';

/** One method of a client, and what was seen of it. */
export interface SeenMethod {
  readonly method: string;
  readonly what: string;
}

const rowMs = 60_000;

/** Rows of a client that tests here drive. */
export function createRows() {
  const passed: SeenMethod[] = [];
  return {
    /** What passed, in the order of the table. */
    passed,
    row(method: string, what: string, see: () => Promise<void>): void {
      it(
        `${method}: ${what}`,
        async () => {
          await see();
          passed.push({ method, what });
        },
        rowMs,
      );
    },
  };
}

/** @param client its name and version, as people say them. @param name of the file, without its ending */
export async function expectTable(
  name: string,
  client: string,
  passed: readonly SeenMethod[],
): Promise<void> {
  const lines = passed.map(({ method, what }) => `| \`${method}\` | ${what} | pass |`);
  const text = `# ${client}

Written by the tests that drive it, [as every table here](../compatibility.md).

| method | what was seen | |
|---|---|---|
${lines.join('\n')}

${passed.length} of ${passed.length} pass.
`;

  await expect(text).toMatchFileSnapshot(`../docs/compatibility/${name}.md`);
}
