/**
 * Whether the image of each pool's workers is where instances pull it from: the one that the deployed task names, which the
 * deployment built or the config named then, and the one that the config names now, where that is another.
 */
import {
  DescribeImagesCommand,
  ImageNotFoundException,
  RepositoryNotFoundException,
} from '@aws-sdk/client-ecr';
import type { Deployed } from './deployed.ts';
import { imageOf, readDeployed } from './deployed.ts';
import type { Finding } from './finding.ts';
import { later, ok, unknown, wrong } from './finding.ts';
import type { Scene } from './scene.ts';

/** `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME`, by a tag or a digest. */
const ecrForm =
  /^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?\/([a-z0-9._/-]+?)(?:@(sha256:[0-9a-f]{64})|:([\w.-]{1,128}))$/;

const deploy = 'npx cdk deploy --all';

export async function checkImages(scene: Scene): Promise<Finding[]> {
  const deployed = await readDeployed(scene);
  const { pools } = scene.deployment.config;
  const found = await Promise.all(
    Object.entries(pools).map(([pool, { image }]) => imagesOf(scene, deployed, { pool, named: image })),
  );
  return found.flat();
}

interface Named {
  readonly pool: string;
  /** By the config; undefined where a deployment builds it. */
  readonly named: string | undefined;
}

async function imagesOf(scene: Scene, deployed: Deployed | null, { pool, named }: Named): Promise<Finding[]> {
  const service = deployed?.services.get(pool);
  const push = 'Push it, or correct `image` of the pool.';
  const next = named === undefined ? [] : [await findingOf(scene, { pool, image: named, missing: push })];
  if (deployed === null || service === undefined) return named === undefined ? [toBeBuilt(pool)] : next;
  const image = await imageOf(scene, deployed.cluster, service);
  if (image === null) {
    const said = { check: 'image', subject: pool, found: `there is no service ${service}` } as const;
    return [wrong(said, `Deploy again: ${deploy}`), ...next];
  }
  if (image === named) return next;
  const build = `No worker starts on an instance that has not pulled it before. Deploy again, with Docker: ${deploy} builds and pushes what is missing.`;
  return [await findingOf(scene, { pool, image, missing: named === undefined ? build : push }), ...next];
}

function toBeBuilt(pool: string): Finding {
  const said = { check: 'image', subject: pool, found: 'built by the first deployment' } as const;
  return later(said, `Have Docker run where \`${deploy}\` is run.`);
}

async function findingOf(
  { deployment, clients }: Scene,
  { pool, image, missing }: { readonly pool: string; readonly image: string; readonly missing: string },
): Promise<Finding> {
  const said = { check: 'image', subject: pool, found: image } as const;
  const [, registryId, region, repositoryName, imageDigest, imageTag] = ecrForm.exec(image) ?? [];
  if (region !== deployment.config.region)
    return unknown(said, 'It is not in ECR of this region: see that instances can pull it.');
  const imageIds = [imageDigest === undefined ? { imageTag } : { imageDigest }];
  try {
    await clients.ecr.send(new DescribeImagesCommand({ registryId, repositoryName, imageIds }));
    return ok(said);
  } catch (error) {
    const isMissing = error instanceof ImageNotFoundException || error instanceof RepositoryNotFoundException;
    if (!isMissing) throw error;
    return wrong({ ...said, found: `there is no ${image}` }, missing);
  }
}
