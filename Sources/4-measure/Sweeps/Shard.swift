import Input

/// One of several parts that a sweep is cut into, each for one process or machine.
public struct Shard: Sendable, Equatable {
  /// From 1.
  public var index: Int
  public var count: Int

  public static let whole = Shard(index: 1, count: 1)

  init(index: Int, count: Int) {
    self.index = index
    self.count = count
  }

  /// - Parameter text: `2/8`, or `slurm` for the part that a SLURM job array's task stands for.
  public init(_ text: String, environment: [String: String]) throws {
    if text == "slurm" {
      self = try Self.ofSlurm(environment)
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], index >= 1, index <= count
    else {
      throw InputError(
        "shard", problem: "is \"\(text)\"", expected: "i/n with i from 1 to n, or slurm")
    }
    self.init(index: index, count: count)
  }

  /// Arrays may start anywhere and go in steps; those with holes would leave shards unmeasured.
  private static func ofSlurm(_ environment: [String: String]) throws -> Shard {
    func variable(_ name: String) throws -> Int {
      guard let value = environment[name].flatMap({ Int($0) }), value >= 0 else {
        throw InputError(
          "shard", "slurm",
          problem: "\(name) is \(environment[name].map { "\"\($0)\"" } ?? "unset")",
          expected: "a task of a SLURM job array")
      }
      return value
    }
    let task = try variable("SLURM_ARRAY_TASK_ID")
    let count = try variable("SLURM_ARRAY_TASK_COUNT")
    let first = try variable("SLURM_ARRAY_TASK_MIN")
    let last = try variable("SLURM_ARRAY_TASK_MAX")
    let step = max(1, Int(environment["SLURM_ARRAY_TASK_STEP"] ?? "1") ?? 1)
    guard count >= 1, (first...max(first, last)).contains(task), (task - first) % step == 0,
      (last - first) % step == 0, (last - first) / step + 1 == count
    else {
      throw InputError(
        "shard", "slurm", problem: "the array of \(count) tasks from \(first) to \(last) has holes",
        expected: "an array such as 0-7, or a shard i/n")
    }
    return Shard(index: (task - first) / step + 1, count: count)
  }
}

extension Shard: CustomStringConvertible {
  public var description: String { "\(index)/\(count)" }
}
