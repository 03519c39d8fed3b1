/** What people read in `events` about an operation that ended. Quiet about routine clean-up. */
import { formatOperation } from '../model/operation.ts';
import type { Operation, Verb } from '../model/operation.ts';
import type { OperationOutcome } from '../execute/executor.ts';
import type { EventDraft } from '../reconcile/world.ts';

const REASONS: Partial<Record<Verb, string>> = {
  PullImage: 'Pulled',
  RemoveImage: 'ImageRemoved',
  CreateContainer: 'Created',
  StartContainer: 'Started',
  KillContainer: 'Killing',
  StopContainer: 'Killing',
  UnpauseContainer: 'Unpaused',
  UpdateResources: 'ResourcesUpdated',
  ConnectNetwork: 'Reconnected',
  CreateVolume: 'VolumeCreated',
};

export function operationEvent(
  { operation, failure }: OperationOutcome,
  involvedObject: EventDraft['involvedObject'],
): EventDraft | undefined {
  if (failure !== undefined) {
    if (operation.verb === 'RunPreStop') return { involvedObject, type: 'Warning', reason: 'FailedPreStopHook', message: failure.message };
    if (operation.verb === 'PullImage') {
      const message = `Failed to pull image "${operation.image}" (${failure.code}): ${failure.message}`;
      return { involvedObject, type: 'Warning', reason: 'ErrImagePull', message };
    }
    return { involvedObject, type: 'Warning', reason: 'Failed', message: `${operation.verb} failed (${failure.code}): ${failure.message}` };
  }
  const reason = REASONS[operation.verb];
  if (reason === undefined) return undefined;
  return { involvedObject, type: 'Normal', reason, message: describe(operation) };
}

function describe(operation: Operation): string {
  switch (operation.verb) {
    case 'PullImage':
      return `Pulled image ${operation.image}`;
    case 'RemoveImage':
      return `Removed image ${operation.image}: ${operation.cause}`;
    case 'CreateContainer':
      return `Created container ${operation.spec.name}: ${operation.cause}`;
    case 'KillContainer':
      return `Killed container ${operation.containerId.slice(0, 12)}: ${operation.cause}`;
    case 'StopContainer':
      return `Stopped container ${operation.containerId.slice(0, 12)}: ${operation.cause}`;
    case 'StartContainer':
      return `Started container ${operation.containerId.slice(0, 12)}`;
    case 'UpdateResources':
      return `Changed the resources of container ${operation.containerId.slice(0, 12)}: ${operation.cause}`;
    default:
      return formatOperation(operation);
  }
}
