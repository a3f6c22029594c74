/** Templates whole: a change of any is seen in a review; `vitest run -u` writes them anew. */
import { describe, expect, it } from 'vitest';
import { examples, synthesize, synthesizeAnew } from './synthesized.ts';

/** A machine with other work needs many times the two seconds of processor time that it takes. */
const synthMs = 180_000;

describe('the templates', { timeout: synthMs }, () => {
  it('are the same each time', () => {
    expect(jsonOf(synthesizeAnew(examples.agency))).toEqual(jsonOf(synthesize(examples.agency)));
  });

  it('of the smallest example are the golden ones, but for routes, which the table of routes says', async () => {
    for (const [stack, template] of synthesize(examples.smallest).templates) {
      const golden = JSON.stringify(withoutRoutes(template.toJSON()), null, 2).replaceAll(
        /[0-9a-f]{64}/g,
        'HASH',
      );

      await expect(`${golden}\n`).toMatchFileSnapshot(`golden/${stack}.json`);
    }
  });
});

function jsonOf({ templates }: ReturnType<typeof synthesize>): string[] {
  return [...templates.values()].map((template) => JSON.stringify(template.toJSON()));
}

/** A deployment of the API is named by a hash of all of its routes. */
function withoutRoutes(template: Record<string, Record<string, { Type: string }>>): unknown {
  const ofRoutes = /^AWS::ApiGateway::(Resource|Method|Deployment)$/;
  const Resources = Object.entries(template.Resources ?? {}).filter(([, { Type }]) => !ofRoutes.test(Type));
  const text = JSON.stringify({ ...template, Resources: Object.fromEntries(Resources) });
  return JSON.parse(text.replaceAll(/(ApiDeployment[0-9A-F]{8})[0-9a-f]{32}/g, '$1HASH'));
}
