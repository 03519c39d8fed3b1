/** Every scenario of `make chaos`, in the order of the table. */
import type { ChaosScenario } from '../scenario.ts';
import { CONTAINER_FAULTS } from './container-faults.ts';
import { controlPlaneKilled } from './control-plane-killed.ts';
import { engineEnded, engineEndedLiveRestore } from './engine-ended.ts';
import { ENGINE_FAULTS } from './engine-faults.ts';
import { ingressKilled, ingressRestarted } from './ingress-killed.ts';
import { killedAtEveryStep } from './killed-at-every-step.ts';
import { everythingKilled, supervisorKilled } from './supervisor-killed.ts';

export const SCENARIOS: readonly ChaosScenario[] = [
  controlPlaneKilled,
  killedAtEveryStep,
  ingressKilled,
  ingressRestarted,
  supervisorKilled,
  everythingKilled,
  ...CONTAINER_FAULTS,
  engineEndedLiveRestore,
  engineEnded,
  ...ENGINE_FAULTS,
];
