import { exitCodes } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'capacity',
  summary: 'Tell how many tenants a card serves at once',
  takes: [],
  canDoWithout: true,
  options: {
    gpu: { type: 'string', value: 'CARD', help: 'Card, such as l4-24, a100-80 or h200-141' },
    model: {
      type: 'string',
      value: 'ID',
      help: 'A model of the deployment, else one of the sizing table',
    },
    quant: {
      type: 'string',
      value: 'FORM',
      help: 'bf16, fp8, int8 or int4 (the model as it is; in the table, its entry)',
    },
    size: {
      type: 'string',
      value: 'PIXELS',
      help: 'Side of a picture (what the model takes by itself, or 512)',
    },
    'gpu-memory': { type: 'string', value: 'SIZE', help: 'Allotment of each tenant, such as 10G (one job)' },
    'offload-encoder': {
      type: 'boolean',
      help: 'Text encoder in main memory; for image models of the sizing table',
    },
  },
  examples: [
    'pilotlight capacity --gpu a100-80 --model qwen3-vl-8b',
    'pilotlight capacity --gpu l4-24 --model z-image-turbo --quant int4 --size 512 --offload-encoder',
    'pilotlight capacity --gpu l40s-48 --model pilotlight-shapes --gpu-memory 2G --json',
  ],
  async run(session, values) {
    const [{ readFootprint }, { capacityAnswer, capacityText }] = await Promise.all([
      import('../footprint.ts'),
      import('../capacity-view.ts'),
    ]);
    const answer = capacityAnswer(await readFootprint(session, values));
    if (session.json) session.printJson(answer);
    else session.print(capacityText(answer));
    return exitCodes.ok;
  },
});
