// Debian's Vega comes in modules for an AMD loader. This is one: modules are defined in the order of
// their dependencies, each after its name was announced with `next`.
const modules = {};
const define = (dependencies, factory) => {
  const module = (modules[define.next] = {});
  factory(...dependencies.map((name) => (name === "exports" ? module : modules[name])));
};
define.amd = true;
