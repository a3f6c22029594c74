import { basename } from 'node:path';
import { bringAdapter, describeFile } from '../adapter-file.ts';
import { adapterTable } from '../adapter-view.ts';
import { exitCodes, usageError } from '../cli-error.ts';
import { defineCommand } from '../command.ts';

export const command = defineCommand({
  name: 'adapters add',
  summary: 'Upload a LoRA (safetensors) for a model; the same file again changes nothing',
  takes: ['FILE'],
  options: {
    model: { type: 'string', value: 'ID', help: 'The model that it changes (required)' },
    name: { type: 'string', value: 'NAME', help: "Your own word for it (the file's name)" },
  },
  examples: ['pilotlight adapters add pastel.safetensors --model pilotlight-shapes'],
  async run(session, { model, name }, [file = '']) {
    if (model === undefined) throw usageError('--model is required: a LoRA changes one model');
    const local = await describeFile(session.cwd, file);
    const named = { model, name: name ?? basename(file).replace(/\.safetensors$/, '') };
    const { adapter, json } = await bringAdapter(session.client, local, named);
    if (session.json) session.printJson(json);
    else session.print(adapterTable([adapter]));
    session.note(`use it with: pilotlight generate "..." --model ${model} --adapter ${adapter.id}`);
    return exitCodes.ok;
  },
});
