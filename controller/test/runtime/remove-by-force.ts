import { RuntimeError } from '../../src/runtime/container-runtime.ts';
import type { ContainerRuntime } from '../../src/runtime/container-runtime.ts';

/** As `docker rm -f`: killed first, and removed as soon as it has ended. */
export async function removeByForce(
  runtime: Pick<ContainerRuntime, 'killContainer' | 'removeContainer'>,
  containerId: string,
  signal: AbortSignal,
): Promise<void> {
  await runtime.killContainer(containerId, signal);
  try {
    await runtime.removeContainer(containerId, signal);
  } catch (error) {
    // The engine answers a kill before the container has ended.
    if (!(error instanceof RuntimeError) || error.code !== 'Conflict') throw error;
    await new Promise((resolve) => setTimeout(resolve, 10));
    await removeByForce(runtime, containerId, signal);
  }
}
