/** What keeps a pod's container from being created, in words: "secret/postgres is missing". Caught by pod.ts, which makes it a wait. */
export class Unresolved extends Error {}
