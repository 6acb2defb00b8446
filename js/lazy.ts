const inspect = Symbol.for('nodejs.util.inspect.custom');

/** An object that `make` makes when it is first looked at, in whatever way: its keys, its prototype, whether it is frozen. */
export function lazy<T extends object>(make: () => T): T {
  const target: T = Object.create(Object.prototype);
  const handler: ProxyHandler<T> = {};
  const fill = () => {
    const made = make();
    Reflect.deleteProperty(target, inspect);
    for (const trap of TRAPS) delete handler[trap];
    Object.defineProperties(target, Object.getOwnPropertyDescriptors(made));
    Object.setPrototypeOf(target, Object.getPrototypeOf(made));
    return Object.isFrozen(made) ? Object.freeze(target) : target;
  };
  for (const trap of TRAPS) {
    handler[trap] = (...args: unknown[]) => {
      fill();
      return (Reflect[trap] as (...args: unknown[]) => any)(...args);
    };
  }
  // The console looks behind a proxy without asking it.
  Object.defineProperty(target, inspect, { value: fill, configurable: true });
  return new Proxy(target, handler);
}

/** Reflect has a function for each trap of a proxy. */
const TRAPS = Object.getOwnPropertyNames(Reflect) as (keyof ProxyHandler<object> & keyof typeof Reflect)[];
