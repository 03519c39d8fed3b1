/**
 * Values of Secrets that are generated: from the secrets directory; else, after its loss, from the environment of a container that still runs
 * with them; else new. Written before they are used, so that no container ever runs with a password that nobody remembers.
 */
import type { Logger } from 'pino';
import { LABEL } from '../model/annotations.ts';
import type { Deployment, Secret } from '../model/objects.ts';
import type { ObservedContainer } from '../model/observed.ts';
import type { ContainerRuntime } from '../runtime/container-runtime.ts';
import { readSecretFiles, writeSecretFile } from '../state/secret-files.ts';
import { withDeadline } from '../runtime/deadline.ts';
import type { StateFileSystem } from '../state/state-file-system.ts';
import { CONTROL_LIMITS } from './limits.ts';

export interface GeneratedSecretsOptions {
  readonly directory: string;
  readonly runtime: ContainerRuntime;
  readonly containers: () => Iterable<ObservedContainer>;
  readonly fileSystem: StateFileSystem;
  readonly generatePassword: () => string;
  readonly logger: Logger;
}

export class GeneratedSecrets {
  readonly #options: GeneratedSecretsOptions;
  constructor(options: GeneratedSecretsOptions) {
    this.#options = options;
  }

  /** Base64 values of the keys. `deployments` are those declared: one whose container runs with a value may still know it. */
  async valuesOf(secret: Secret, keys: readonly string[], deployments: readonly Deployment[]): Promise<Readonly<Record<string, string>>> {
    const { directory, fileSystem, generatePassword, logger } = this.#options;
    const { secrets, reports } = await readSecretFiles(directory, fileSystem);
    for (const { file, message } of reports) logger.warn({ file }, message);
    const saved = secrets.find(
      ({ metadata }) =>
        metadata.name === secret.metadata.name && (metadata.namespace ?? 'default') === (secret.metadata.namespace ?? 'default'),
    );
    const values: Record<string, string> = {};
    for (const key of keys) {
      values[key] =
        saved?.data?.[key] ?? (await this.#recover(secret, key, deployments)) ?? Buffer.from(generatePassword()).toString('base64');
    }
    const isSaved = keys.every((key) => saved?.data?.[key] === values[key]);
    if (!isSaved) await writeSecretFile(directory, { ...secret, data: { ...saved?.data, ...values } }, fileSystem);
    return values;
  }

  /** A container that got the key as an environment variable still knows it. */
  async #recover(secret: Secret, key: string, deployments: readonly Deployment[]): Promise<string | undefined> {
    const { runtime, containers, logger } = this.#options;
    for (const deployment of deployments) {
      if (deployment.metadata.namespace !== secret.metadata.namespace) continue;
      const variable = deployment.spec.template.spec.containers[0]?.env?.find(
        ({ valueFrom }) => valueFrom?.secretKeyRef?.name === secret.metadata.name && valueFrom.secretKeyRef.key === key,
      );
      if (variable === undefined) continue;
      for (const container of containers()) {
        if (container.labels[LABEL.owner] !== `Deployment/${deployment.metadata.name}`) continue;
        if (container.labels[LABEL.namespace] !== (deployment.metadata.namespace ?? 'default')) continue;
        const value = await this.#read(runtime, container.id, variable.name);
        if (value === undefined) continue;
        logger.warn({ secret: secret.metadata.name, key }, 'the generated secret was lost; recovered from a running container');
        return Buffer.from(value).toString('base64');
      }
    }
    return undefined;
  }

  async #read(runtime: ContainerRuntime, containerId: string, variable: string): Promise<string | undefined> {
    try {
      const environment = await withDeadline(new AbortController().signal, CONTROL_LIMITS.environmentTimeoutMs, (deadline) =>
        runtime.readEnvironment(containerId, deadline),
      );
      return environment.find((entry) => entry.startsWith(`${variable}=`))?.slice(variable.length + 1);
    } catch (error) {
      this.#options.logger.warn({ err: error, containerId }, 'a container could not be asked for its environment');
      return undefined;
    }
  }
}
