import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';
import { configFault, configName } from '../deployment-config.ts';

export const command = defineCommand({
  name: 'cost',
  summary: 'Tell what a deployment will cost, idle and for a million jobs',
  takes: [],
  canDoWithout: true,
  options: {
    config: { type: 'string', value: 'FILE', help: `Config of the deployment (${configName})` },
    idle: { type: 'boolean', help: 'Only the bill of a month in which nobody asks' },
  },
  examples: [
    'pilotlight cost',
    'pilotlight cost --idle --config cdk/examples/agency.ts',
    'pilotlight cost --json',
  ],
  async run(session, { config, idle }) {
    // The one command that synthesizes templates: the CDK is loaded for nobody else.
    const [{ costOf }, { costAnswer, costText }] = await Promise.all([
      import('#cdk/cost.ts'),
      import('../cost-view.ts'),
    ]);
    const ask = { configFile: config ?? configName, cwd: session.cwd };
    const cost = await costOf(ask).catch((error: unknown) => {
      throw configFault(error) ?? error;
    });
    const shown = { isIdleOnly: idle };
    if (session.json) session.printJson(costAnswer(cost, shown));
    else session.print(costText(cost, shown));
    return exitCodes.ok;
  },
});
