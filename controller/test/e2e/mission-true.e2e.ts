import { describeMission } from './mission.ts';

describeMission('the mission, with its true window of 2 minutes', { name: 'true', basePort: 18_200, windowSeconds: 120 });
