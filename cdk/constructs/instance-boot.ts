/**
 * What an instance does before and beside its ECS agent.
 *
 * User data runs at the first boot alone; an instance of the warm pool boots twice, once to be made ready and stopped, once to
 * serve. So user data only installs a service of systemd that runs at every boot: where the instance is on its way into
 * the warm pool, it pulls the image, brings the weights and runs each model once; then, on either way, it lets the group go on.
 *
 * An instance that could not be made ready is kept all the same: it serves, only later. Ended instead, it would be replaced
 * by one that fails alike, card after card.
 */
import { poolAttribute } from '#aws/resources.ts';

export interface InstanceBoot {
  readonly pool: string;
  readonly cluster: string;
  readonly region: string;
  /** What a fresh instance pulls and runs; absent: it has no hook to wait for. */
  readonly prewarm?: Prewarm;
}

export interface Prewarm {
  readonly hookName: string;
  readonly image: string;
  readonly bucket: string;
  readonly gpuMemoryMb: number;
  /** Of the pool's models, those that are served. */
  readonly models: readonly string[];
  /** The image runs on the card. */
  readonly usesGpu: boolean;
}

/** The user of the image, who must own the folder of weights. */
export const workerUser = 10_001;

/** On the disk of the instance, shared by its workers and kept while it is stopped. */
export const weightsFolder = '/var/lib/pilotlight/weights';

/** Ten runners of torch on 48 processors have some three thousand threads. */
const taskProcessesMax = 16_384;

/** The hook lasts an hour; this is when the prewarm gives up, and the rest is for the pull. */
const prewarmSeconds = 2_700;
export const hookMs = 3_600_000;

/** Lines of a shell script that root runs once. */
export function bootScript(boot: InstanceBoot): string[] {
  return [
    `install -d -o ${workerUser} -g ${workerUser} -m 0700 ${weightsFolder}`,
    "cat > /etc/ecs/ecs.config <<'END'",
    ...agentConfig(boot),
    'END',
    ...(boot.prewarm === undefined ? [] : serviceLines(boot, boot.prewarm)),
  ];
}

function agentConfig({ pool, cluster }: InstanceBoot): string[] {
  return [
    `ECS_CLUSTER=${cluster}`,
    `ECS_INSTANCE_ATTRIBUTES={"${poolAttribute}":"${pool}"}`,
    'ECS_ENABLE_GPU_SUPPORT=true',
    // An instance that is being made ready must take no workers.
    'ECS_WARM_POOLS_CHECK=true',
    // Of one task, threads among them: a runner that makes processes without end must not take the instance's.
    `ECS_TASK_PIDS_LIMIT=${taskProcessesMax}`,
    // Images are named by what they hold, by digest or by the hash of their source: what is there is right.
    'ECS_IMAGE_PULL_BEHAVIOR=prefer-cached',
    'ECS_DISABLE_IMAGE_CLEANUP=true',
    'ECS_ENGINE_TASK_CLEANUP_WAIT_DURATION=10m',
    // Two minutes before EC2 takes a Spot instance, its workers get SIGTERM.
    'ECS_ENABLE_SPOT_INSTANCE_DRAINING=true',
    'ECS_ENABLE_AWSLOGS_EXECUTIONROLE_OVERRIDE=true',
  ];
}

/** Not after cloud-final: user data is part of that, and the two would wait for one another. */
function serviceLines(boot: InstanceBoot, prewarm: Prewarm): string[] {
  return [
    "cat > /usr/local/bin/pilotlight-boot <<'END'",
    ...bootLines(boot, prewarm),
    'END',
    'chmod 0755 /usr/local/bin/pilotlight-boot',
    "cat > /etc/systemd/system/pilotlight-boot.service <<'END'",
    '[Unit]',
    'Description=Makes an instance of a warm pool ready, and lets its group go on',
    'After=docker.service network-online.target',
    'Wants=docker.service network-online.target',
    '[Service]',
    'Type=oneshot',
    'ExecStart=/usr/local/bin/pilotlight-boot',
    '[Install]',
    'WantedBy=multi-user.target',
    'END',
    'command -v aws > /dev/null || dnf install -y awscli-2',
    'systemctl daemon-reload',
    'systemctl enable pilotlight-boot.service',
    'systemctl start --no-block pilotlight-boot.service',
  ];
}

function bootLines(boot: InstanceBoot, prewarm: Prewarm): string[] {
  const { hookName, image } = prewarm;
  return [
    '#!/bin/bash',
    'set -uo pipefail',
    `export AWS_REGION=${boot.region}`,
    'metadata=http://169.254.169.254/latest',
    'token=$(curl -sf -X PUT "$metadata/api/token" -H "X-aws-ec2-metadata-token-ttl-seconds: 21600")',
    'read_metadata() { curl -sf -H "X-aws-ec2-metadata-token: $token" "$metadata/meta-data/$1"; }',
    'instance=$(read_metadata instance-id)',
    `image=${image}`,
    '',
    'make_ready() {',
    // A public image is pulled without.
    '  aws ecr get-login-password | docker login --username AWS --password-stdin "$(cut -d/ -f1 <<< "$image")"',
    `  docker pull --quiet "$image" && ${prewarmCommand(boot, prewarm)}`,
    '}',
    '',
    'if [ "$(read_metadata autoscaling/target-lifecycle-state)" = "Warmed:Stopped" ]; then',
    '  make_ready || echo "pilotlight-boot: not ready, it will serve later than it could" >&2',
    'fi',
    'group=$(aws autoscaling describe-auto-scaling-instances --instance-ids "$instance" \\',
    "  --query 'AutoScalingInstances[0].AutoScalingGroupName' --output text)",
    // Nobody waits for it where the instance was launched to serve before the hook was there.
    'aws autoscaling complete-lifecycle-action --auto-scaling-group-name "$group" --instance-id "$instance" \\',
    `  --lifecycle-hook-name ${hookName} --lifecycle-action-result CONTINUE || true`,
  ];
}

/**
 * On the host's network, because containers of their own get no credentials of the instance: no tenant has a part in it.
 * Weights stay, on a folder of the host; scratch goes.
 */
function prewarmCommand({ region, pool }: InstanceBoot, prewarm: Prewarm): string {
  const gpus = prewarm.usesGpu ? ' --gpus all' : '';
  const environment = {
    AWS_REGION: region,
    PILOTLIGHT_BUCKET: prewarm.bucket,
    PILOTLIGHT_POOL: pool,
    PILOTLIGHT_GPU_MEMORY_MB: String(prewarm.gpuMemoryMb),
  };
  return [
    `docker run --rm --init --network host --read-only --cap-drop ALL --shm-size 1g${gpus}`,
    `--mount type=volume,dst=/scratch --mount type=bind,src=${weightsFolder},dst=/weights`,
    ...Object.entries(environment).map(([name, value]) => `--env ${name}=${value}`),
    `"$image" prewarm --timeout ${prewarmSeconds}`,
    ...prewarm.models.map((model) => `--model ${model}`),
  ].join(' ');
}
