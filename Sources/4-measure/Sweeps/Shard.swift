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

  /// - Parameter text: `2/8`; `slurm/8` for the part that a task of the Slurm job array 0-7 stands for,
  ///   whichever tasks of it run; `slurm` for the part of an array that is as large as it runs.
  public init(_ text: String, environment: [String: String]) throws {
    if text == "slurm" {
      self = try Self.ofSlurm(environment)
      return
    }
    if text.hasPrefix("slurm/"), let count = Int(text.dropFirst("slurm/".count)), count >= 1 {
      self = try Self.ofSlurm(environment, count: count)
      return
    }
    let parts = text.split(separator: "/", omittingEmptySubsequences: false).map { Int($0) }
    guard parts.count == 2, let index = parts[0], let count = parts[1], index >= 1, index <= count
    else {
      throw InputError(
        "shard", problem: "is \"\(text)\"", expected: "i/n with i from 1 to n, slurm/n or slurm")
    }
    self.init(index: index, count: count)
  }

  /// The task of an array of `count` tasks from 0 on.
  private static func ofSlurm(_ environment: [String: String], count: Int) throws -> Shard {
    let task = try number("SLURM_ARRAY_TASK_ID", environment)
    guard task < count else {
      throw InputError(
        "shard", "slurm/\(count)", problem: "the array's task is \(task)",
        expected: "an array of tasks 0 to \(count - 1), or some of them")
    }
    return Shard(index: task + 1, count: count)
  }

  /// Arrays may start anywhere and go in steps; those with holes would leave shards unmeasured, and a
  /// single task, such as one that is run again, would measure the whole grid.
  private static func ofSlurm(_ environment: [String: String]) throws -> Shard {
    let task = try number("SLURM_ARRAY_TASK_ID", environment)
    let count = try number("SLURM_ARRAY_TASK_COUNT", environment)
    let first = try number("SLURM_ARRAY_TASK_MIN", environment)
    let last = try number("SLURM_ARRAY_TASK_MAX", environment)
    guard count != 1 else {
      throw InputError(
        "shard", "slurm",
        problem: "the array has the one task \(task), which would be the whole grid",
        expected: "slurm/n for some tasks of an array of n, or none for the whole grid")
    }
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

  private static func number(_ variable: String, _ environment: [String: String]) throws -> Int {
    guard let value = environment[variable].flatMap({ Int($0) }), value >= 0 else {
      throw InputError(
        "shard", "slurm",
        problem: "\(variable) is \(environment[variable].map { "\"\($0)\"" } ?? "unset")",
        expected: "a task of a Slurm job array")
    }
    return value
  }
}

extension Shard: CustomStringConvertible {
  public var description: String { "\(index)/\(count)" }
}
