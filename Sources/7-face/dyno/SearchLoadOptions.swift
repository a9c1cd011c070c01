import ArgumentParser
import Input
import Search
import Serving

extension ScenarioLoad.Objective: ExpressibleByArgument {}

/// What candidates are to serve in place of a static batch.
struct SearchLoadOptions: ParsableArguments {
  @Option(
    help: "Clients that each send a request when their last one has ended, comma-separated.")
  var concurrency: CountList?

  @Option(help: "Requests a second, as Poisson arrivals: 2/s.")
  var rate: RequestRate?

  @Option(
    help: """
      What 90% of requests must meet: ttft=500ms,tpot=30ms,latency=10s, any of them. Alone: the highest \
      rate under it.
      """)
  var slo: ServiceLevel?

  @Option(help: "Price of a device: 2.5/h.")
  var price: HourlyPrice?

  @Option(help: "Lengths are uniform between this share of --workload and all of it. Default: 1.")
  var lengthRange: Double?

  @Option(
    help: """
      Most output tokens a second, highest rate, least cost of a million output tokens, or least mean \
      latency. Default: throughput of clients, latency at a rate, rate under --slo alone.
      """)
  var objective: ScenarioLoad.Objective?

  func fill(_ spec: inout SearchSpec) {
    spec.load.concurrencies = concurrency?.values
    spec.load.rate = rate
    spec.load.level = slo
    spec.load.price = price
    spec.load.lengthRange = lengthRange
    spec.load.objective = objective
  }
}
