// The users of the service.
import { Resource } from '../api/resource.ts';
import { listUsers } from '../api/service.ts';

export const people = new Resource(async () => [...(await listUsers())].sort((one, other) => one.localeCompare(other)));
