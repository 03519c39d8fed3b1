/**
 * What can be wrong with manifests, and how it is told: one line each, the place first.
 * `code` is stable and is what programs compare; the message is for people.
 */

export type ManifestErrorCode =
  // a file as a whole
  | 'DirectoryMissing'
  | 'UnreadableFile'
  | 'EmptyFile'
  | 'TooLarge'
  | 'TooManyFiles'
  // its text
  | 'BadYaml'
  | 'AliasBomb'
  | 'TooDeep'
  // an object
  | 'UnknownKind'
  | 'UnknownField'
  | 'MissingField'
  | 'WrongType'
  | 'BadValue'
  | 'Refused'
  // objects together
  | 'DuplicateObject'
  | 'MissingReference'
  | 'DependencyCycle'
  | 'SelectorMismatch'
  | 'SelectorOverlap'
  | 'PortMismatch'
  | 'PortOverlap'
  | 'TooFewPorts';

export type ManifestWarningCode = 'IgnoredField' | 'NoFreePort' | 'NoSuchPods';

/** `line` and `column` count from 1; 0 when the problem is with the file or directory as a whole. */
export interface ManifestSource {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

interface ManifestProblem {
  readonly source: ManifestSource;
  /** "deployment/acts"; "" when the problem is not within an object that has a kind and a name. */
  readonly object: string;
  /** "spec.template.spec.containers[0].image"; "" for the object as a whole. */
  readonly path: string;
  readonly message: string;
}

export interface ManifestError extends ManifestProblem {
  readonly code: ManifestErrorCode;
  /** Key (see `identityOf`) of an object that the problem is also about: the one that is missing, or the other one of a pair. */
  readonly about?: string;
}

export interface ManifestWarning extends ManifestProblem {
  readonly code: ManifestWarningCode;
}

/** `manifests/acts.yaml:12:5 deployment/acts spec.replicas: expected a whole number from 0 to 1000, found "three"` */
export function formatManifestProblem(problem: ManifestError | ManifestWarning, directory = ''): string {
  const { file, line, column } = problem.source;
  const place = [directory === '' ? file : `${directory}/${file}`, ...(line === 0 ? [] : [line, column])].join(':');
  const subject = [place, problem.object, problem.path].filter((part) => part !== '').join(' ');
  return `${subject}: ${problem.message}`;
}
