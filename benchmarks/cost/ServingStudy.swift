import Foundation
import Reports
import Requests
import Serving

/// Serving runs at a concurrency against the simulation, each predicted by constants that were fitted
/// without it, beside what others predict of the same runs.
///
/// With `DYNO_RESIDUALS` set to a folder, predictions are written there as `serving.csv`.
struct ServingStudy {
  private let runs: ServingRuns
  private let peers: ServingPeers

  init() throws {
    runs = try ServingRuns()
    peers = try ServingPeers()
  }

  func run() throws {
    let dense = runs.points.filter(\.isDense)
    let groups = Set(dense.map(\.group)).sorted()
    var table = Table(ServingErrors.columns)
    var lines = [ServingErrors.header]
    var byCount: [ServingErrors] = []
    for group in groups {
      var errors = ServingErrors("\(group), one GPU count", peers)
      let own = dense.filter { $0.group == group }
      for devices in Set(own.map(\.run.tensorParallel)).sorted() {
        let host = Self.fitted(own.filter { $0.run.tensorParallel != devices })
        for point in own where point.run.tensorParallel == devices {
          errors.add(point, host, fold: "\(devices)")
        }
      }
      byCount.append(errors)
      table.add(errors.cells())
      lines += errors.lines()
    }
    var left = ServingErrors("all dense, one (engine, model)", peers)
    for group in groups {
      let host = Self.fitted(dense.filter { $0.group != group }, of: group)
      for point in dense where point.group == group { left.add(point, host, fold: group) }
    }
    table.add(left.cells())
    for group in groups { table.add(left.only(group).cells()) }

    // Experts: constants of the engine's dense runs; no run of theirs is fitted.
    let sparse = runs.points.filter { !$0.isDense }
    var known: [String: HostConstants] = [:]
    for group in Set(sparse.map(\.group)).sorted() {
      let own = sparse.filter { $0.group == group }
      var errors = ServingErrors("\(group), experts", peers)
      let engine = own[0].run.engine
      let host = known[engine] ?? Self.fitted(dense, of: group)
      known[engine] = host
      for point in own { errors.add(point, host, fold: group) }
      table.add(errors.cells())
    }

    for group in groups {
      print("\(group): \(Self.fitted(dense.filter { $0.group == group }))")
    }
    for (series, what) in runs.setAside.sorted(by: { $0.key < $1.key }) {
      print(
        "set aside: \(what.count) runs of \(series): one needs \(Quantity.percent(what.share)) of "
          + "the devices' peak")
    }
    for (reason, count) in runs.notPriced.sorted(by: { $0.key < $1.key }) {
      print("not priced: \(count) runs: \(reason)")
    }
    print("\n" + table.rendered(.markdown))
    print("\n" + ServingErrors.legend)
    if let folder = ProcessInfo.processInfo.environment["DYNO_RESIDUALS"] {
      lines += left.lines()
      try lines.joined(separator: "\n").write(
        toFile: "\(folder)/serving.csv", atomically: true, encoding: .utf8)
    }
  }

  private static func fitted(_ points: [ServingRuns.Point]) -> HostConstants {
    HostFit.fit(points.map(\.row), prior: .typical)
  }

  /// Constants of the same engine's runs among `points`; of all of them where it has none.
  private static func fitted(_ points: [ServingRuns.Point], of group: String) -> HostConstants {
    let own = points.filter { $0.run.engine == group.prefix { $0 != "," } }
    return fitted(own.isEmpty ? points : own)
  }
}
