/**
 * What a function is deployed as: a minified module with all that it starts with, the parts beside it that it loads when it
 * needs them, and the manifests where they are asked for.
 */
import { copyFileSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { AssetHashType } from 'aws-cdk-lib';
import { type AssetCode, Code, Runtime } from 'aws-cdk-lib/aws-lambda';
import { buildSync } from 'esbuild';
import { moduleBuild } from '../module-build.ts';

const root = dirname(dirname(import.meta.dirname));

/** Where manifests lie in a function, below the folder that Lambda unpacks it to. */
export const modelsDir = '/var/task/models';

/**
 * @param file the entry, from the root of the repository
 * @param models ids of those whose manifests travel with it
 */
export function bundle(file: string, models: readonly string[]): AssetCode {
  return Code.fromAsset(join(root, dirname(file)), {
    // By what comes out: most of it lies in other folders than the entry's, and a change there must be deployed too.
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      // Never pulled: bundling happens here, or fails.
      image: Runtime.NODEJS_24_X.bundlingImage,
      local: {
        tryBundle(outputDir) {
          buildSync(moduleBuild(file, outputDir));
          for (const model of models) copyManifest(model, join(outputDir, 'models', model));
          return true;
        },
      },
    },
  });
}

/** Without the weights, which the API has no use for. */
function copyManifest(model: string, to: string): void {
  mkdirSync(to, { recursive: true });
  copyFileSync(join(root, 'gpu-container/models', model, 'manifest.json'), join(to, 'manifest.json'));
}
