/** The image of a pool's workers: built from this checkout, or one that the config names by its digest. */
import { dirname } from 'node:path';
import { Repository } from 'aws-cdk-lib/aws-ecr';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { ContainerImage } from 'aws-cdk-lib/aws-ecs';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Construct } from 'constructs';
import type { Manifest } from '#core/models/manifest.ts';

const root = dirname(dirname(import.meta.dirname));

const dockerfile = 'gpu-container/Dockerfile';

/** `ACCOUNT.dkr.ecr.REGION.amazonaws.com/NAME@sha256:…` */
const ecrPattern =
  /^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com\/([a-z0-9._/-]+)@(sha256:[0-9a-f]{64})$/;

export interface WorkerImageProps {
  /** Absent: built at deployment. */
  readonly image?: string | undefined;
  /** The models of the pool, whose engines say what the image must hold. */
  readonly manifests: readonly Manifest[];
}

export class WorkerImage extends Construct {
  readonly container: ContainerImage;
  /** As Docker pulls it. */
  readonly uri: string;
  /** Lets pull it; nothing where it is somebody else's and public. */
  readonly grantPull: (grantee: IGrantable) => void;

  constructor(scope: Construct, id: string, { image, manifests }: WorkerImageProps) {
    super(scope, id);
    const [, account, region, name, digest] = ecrPattern.exec(image ?? '') ?? [];
    if (image === undefined) {
      const asset = new DockerImageAsset(this, 'Asset', {
        directory: root,
        file: dockerfile,
        // Docker reads it whatever its list of what to leave out says; the copy that is built from needs it.
        exclude: [`!${dockerfile}`],
        target: manifests.some(({ engine }) => engine === 'python') ? 'gpu' : 'demo',
        // GPU instances are x86; who deploys may be on ARM.
        platform: Platform.LINUX_AMD64,
      });
      this.container = ContainerImage.fromDockerImageAsset(asset);
      this.uri = asset.imageUri;
      this.grantPull = (grantee) => asset.repository.grantPull(grantee);
    } else if (name !== undefined && digest !== undefined) {
      const repositoryArn = `arn:aws:ecr:${region}:${account}:repository/${name}`;
      const repository = Repository.fromRepositoryAttributes(this, 'Repository', {
        repositoryArn,
        repositoryName: name,
      });
      this.container = ContainerImage.fromEcrRepository(repository, digest);
      this.uri = image;
      this.grantPull = (grantee) => repository.grantPull(grantee);
    } else {
      this.container = ContainerImage.fromRegistry(image);
      this.uri = image;
      this.grantPull = () => undefined;
    }
  }
}
