// The categories and their counts.
import { Resource } from '../api/resource.ts';
import { listCategories } from '../api/service.ts';

export const categories = new Resource(async () => [...(await listCategories())].sort((one, other) => one.name.localeCompare(other.name)));
