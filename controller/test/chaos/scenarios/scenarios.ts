/** Every scenario of `make chaos`, in the order of the table. */
import type { ChaosScenario } from '../scenario.ts';
import { controlPlaneKilled } from './control-plane-killed.ts';
import { engineEnded, engineEndedLiveRestore } from './engine-ended.ts';
import { ENGINE_FAULTS } from './engine-faults.ts';
import { ingressKilled, ingressRestarted } from './ingress-killed.ts';
import { killedAtEveryStep } from './killed-at-every-step.ts';

export const SCENARIOS: readonly ChaosScenario[] = [
  controlPlaneKilled,
  killedAtEveryStep,
  ingressKilled,
  ingressRestarted,
  engineEndedLiveRestore,
  engineEnded,
  ...ENGINE_FAULTS,
];
