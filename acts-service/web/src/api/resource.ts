// Something read from the service that several screens show: kept between screens, read again each time one of them opens.
import { signal } from '@preact/signals';
import { explain } from './explain.ts';

export class Resource<T> {
  readonly value = signal<T | undefined>(undefined);
  readonly problem = signal('');
  readonly #read: () => Promise<T>;

  constructor(read: () => Promise<T>) {
    this.#read = read;
  }

  async load(): Promise<void> {
    try {
      this.value.value = await this.#read();
      this.problem.value = '';
    } catch (error) {
      this.problem.value = explain(error);
    }
  }
}
