/** The resources of every template of an app, as CloudFormation will see them. */
import type { App } from 'aws-cdk-lib';
import * as z from 'zod';

export interface Resource {
  readonly stack: string;
  readonly id: string;
  readonly type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template is JSON of whatever shape its resource has.
  readonly properties: any;
  /** What becomes of it when its stack goes. */
  readonly deletionPolicy: string | undefined;
}

const templateSchema = z.looseObject({
  Resources: z.record(
    z.string(),
    z.looseObject({
      Type: z.string(),
      Properties: z.looseObject({}).default({}),
      DeletionPolicy: z.string().optional(),
    }),
  ),
});

/** Synthesizes the app where that has not been done. */
export function resourcesOf(app: App): Resource[] {
  return app.synth().stacks.flatMap(({ stackName: stack, template }) =>
    Object.entries(templateSchema.parse(template).Resources).map(
      ([id, { Type, Properties, DeletionPolicy }]) => ({
        stack,
        id,
        type: Type,
        properties: Properties,
        deletionPolicy: DeletionPolicy,
      }),
    ),
  );
}
