import CHwloc
import Foundation

/// What hwloc knows of this machine, limited to what the process may use.
public struct Topology: Sendable, Codable, Equatable {
  public let packages: Int
  public let numaNodes: Int
  public let cores: Int
  /// Logical processors (hardware threads), by operating-system index, in the order in which
  /// threads are placed: one on each core first, then the cores' further hardware threads.
  public let processors: [Int]
  /// Bytes of one data or unified cache, by level, and how many there are.
  public let caches: [Cache]
  public let memoryBytes: Int

  public struct Cache: Sendable, Codable, Equatable {
    public let level: Int
    public let bytes: Int
    public let count: Int
  }

  /// - Throws: `HostError` when hwloc cannot read the machine.
  public init() throws {
    let topology = try Hardware.shared.get().handle
    func count(_ type: hwloc_obj_type_t) -> Int {
      max(1, Int(hwloc_get_nbobjs_by_type(topology, type)))
    }
    packages = count(HWLOC_OBJ_PACKAGE)
    numaNodes = count(HWLOC_OBJ_NUMANODE)
    cores = count(HWLOC_OBJ_CORE)

    var placed: [(sibling: Int, order: Int, processor: Int)] = []
    for index in 0..<count(HWLOC_OBJ_PU) {
      guard let unit = hwloc_get_obj_by_type(topology, HWLOC_OBJ_PU, UInt32(index)) else {
        continue
      }
      placed.append((Int(unit.pointee.sibling_rank), index, Int(unit.pointee.os_index)))
    }
    processors = placed.sorted { ($0.sibling, $0.order) < ($1.sibling, $1.order) }.map(\.processor)

    caches = [
      (1, HWLOC_OBJ_L1CACHE), (2, HWLOC_OBJ_L2CACHE), (3, HWLOC_OBJ_L3CACHE),
    ].compactMap { level, type in
      guard let cache = hwloc_get_obj_by_type(topology, type, 0) else { return nil }
      return Cache(
        level: level, bytes: Int(cache.pointee.attr.pointee.cache.size),
        count: Int(hwloc_get_nbobjs_by_type(topology, type)))
    }
    memoryBytes = Int(ProcessInfo.processInfo.physicalMemory)  // hwloc misses hot-plugged memory
  }

  /// Bytes of the last level's caches together.
  public var lastLevelCacheBytes: Int { caches.last.map { $0.bytes * $0.count } ?? 0 }

  /// One line: `2 cores, 2 processors, 1 package, 1 NUMA node; L1 2 × 32 KiB, …`.
  public var summary: String {
    func counted(_ count: Int, _ name: String) -> String {
      "\(count) \(name)\(count == 1 ? "" : "s")"
    }
    let units = [
      counted(cores, "core"), counted(processors.count, "processor"), counted(packages, "package"),
      counted(numaNodes, "NUMA node"),
    ]
    let levels = caches.map { "L\($0.level) \($0.count) × \($0.bytes >> 10) KiB" }
    return units.joined(separator: ", ")
      + (levels.isEmpty ? "" : "; " + levels.joined(separator: ", "))
  }
}

/// The machine does not do what Dyno needs of it.
public struct HostError: Error, CustomStringConvertible {
  public let description: String

  public init(_ description: String) { self.description = description }
}

/// hwloc's own view, loaded once and only read afterwards, which hwloc allows from any thread.
final class Hardware: @unchecked Sendable {
  let handle: hwloc_topology_t

  /// Loaded before any thread is pinned: afterwards, what we pinned would look like all we may use.
  static let shared = Result { try Hardware() }

  private init() throws {
    var handle: hwloc_topology_t?
    guard hwloc_topology_init(&handle) == 0, let topology = handle else {
      throw HostError("hwloc cannot be initialised")
    }
    // Respects taskset and the like, not only cgroups.
    let flags =
      HWLOC_TOPOLOGY_FLAG_RESTRICT_TO_CPUBINDING.rawValue
      | HWLOC_TOPOLOGY_FLAG_IS_THISSYSTEM.rawValue
    guard hwloc_topology_set_flags(topology, UInt(flags)) == 0, hwloc_topology_load(topology) == 0
    else { throw HostError("hwloc finds no topology") }
    self.handle = topology
  }

  /// Binds the calling thread to one logical processor. A container may forbid it.
  ///
  /// - Returns: whether the thread is bound.
  static func bindCurrentThread(to processor: Int) -> Bool {
    guard let hardware = try? shared.get(), let set = hwloc_bitmap_alloc() else { return false }
    defer { hwloc_bitmap_free(set) }
    hwloc_bitmap_only(set, UInt32(processor))
    return hwloc_set_cpubind(hardware.handle, set, Int32(HWLOC_CPUBIND_THREAD.rawValue)) == 0
  }
}
