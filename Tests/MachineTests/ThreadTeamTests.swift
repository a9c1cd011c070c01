import Foundation
import Input
import Machine
import Synchronization
import TestSupport
import Testing

@Suite struct ThreadTeamTests {
  /// Also where the machine has fewer processors.
  @Test(arguments: [1, 2, 3])
  func everyRankRunsOnceEachTime(threads: Int) throws {
    let team = try ThreadTeam(unboundCount: threads)
    let sums = (0..<threads).map { _ in Atomic4() }
    for round in 1...500 {
      team.run { rank in sums[rank].value.add(rank + 1, ordering: .relaxed) }
      for rank in 0..<threads {
        #expect(sums[rank].value.load(ordering: .relaxed) == (rank + 1) * round)
      }
      // Long enough now and then that workers park.
      if round % 100 == 0 { usleep(20_000) }
    }
  }

  /// A refused thread leaves none of the others behind.
  @Test func teamsThatCannotStart() throws {
    func threads() throws -> Int {
      try FileManager.default.contentsOfDirectory(atPath: "/proc/self/task").count
    }
    // Other tests start and end threads as well: leaving 30 behind a hundred times would show.
    let before = try threads()
    for _ in 0..<100 {
      #expect(throws: HostError.self) {
        try ThreadTeam(unboundCount: 31) { rank in
          if rank == 30 { throw HostError("refused") }
        }
      }
    }
    #expect(try threads() < before + 1000)
  }

  private final class Atomic4: Sendable { let value = Atomic<Int>(0) }

  /// Its threads would wait for each other for ever.
  @Test func aClosureThatAsksForItsOwnTeamTraps() async {
    await #expect(processExitsWith: .failure) {
      // Swift's own report of a crash takes minutes, and nobody reads it.
      for number in [SIGILL, SIGTRAP] { signal(number, SIG_DFL) }
      let team = try ThreadTeam(unboundCount: 2)
      team.run { _ in team.run { _ in } }
    }
  }

  @Test func pinnedTeamsRun() throws {
    let team = try ThreadTeam(topology: Topology())
    let done = Atomic4()
    team.run { _ in done.value.add(1, ordering: .relaxed) }
    #expect(done.value.load(ordering: .relaxed) == team.count)
  }

  @Test(arguments: [0, -1, 100_000])
  func impossibleCounts(count: Int) throws {
    let error = #expect(throws: InputError.self) {
      try ThreadTeam(count: count, topology: Topology())
    }
    #expect(error?.location == ["threads"])
  }

  @Test func slicesCoverEverythingOnce() throws {
    let team = try ThreadTeam(unboundCount: 3)
    for total in [0, 1, 3, 4, 5, 127, 128, 1000] {
      for grain in [1, 4, 64] {
        let slices = (0..<team.count).map { team.slice(total, rank: $0, grain: grain) }
        #expect(slices.flatMap { Array($0) } == Array(0..<total))
        for slice in slices.dropLast() {
          #expect(slice.upperBound % grain == 0 || slice.upperBound == total)
        }
      }
    }
  }
}

@Suite struct SharingTests {
  @Test func everyIndexIsHandedOutOnce() throws {
    let team = try ThreadTeam(unboundCount: 3)
    for (total, grain, chunk) in [
      (0, 4, 8), (1, 4, 256), (7, 4, 4), (130, 4, 64), (1001, 1, 3), (4096, 4, 256), (300, 64, 7),
    ] {
      let counts = (0..<total).map { _ in Counter() }
      team.share(total, grain: grain, chunk: chunk) { _, range in
        for index in range { counts[index].value.add(1, ordering: .relaxed) }
      }
      #expect(counts.allSatisfy { $0.value.load(ordering: .relaxed) == 1 }, "\(total), \(chunk)")
    }
  }

  private final class Counter: Sendable { let value = Atomic<Int>(0) }
}

@Suite struct HostFactsTests {
  @Test func topologyIsPlausible() throws {
    let topology = try Topology()
    #expect(topology.cores >= 1)
    #expect(topology.processors.count >= topology.cores)
    #expect(Set(topology.processors).count == topology.processors.count)
    #expect(topology.memoryBytes > 1 << 28)
    #expect((1...topology.memoryBytes).contains(AvailableMemory.bytes()))
  }

  /// Better evidence takes the place of what is kept; worse does not.
  @Test func keptLimitsImprove() throws {
    try Files.withTemporaryFolder { folder in
      let cache = LimitsCache(folder: folder, threads: 2, instructionSet: "x")
      func limits(_ bandwidth: Double, _ peak: Double) -> MachineLimits {
        MachineLimits(
          threads: 2, instructionSet: "x", readBandwidth: bandwidth, multiplyAddPeak: peak,
          integerPeak: 1, samples: 3)
      }
      #expect(cache.load() == nil)
      try cache.improve(with: limits(54e9, 5e11))
      let better = try cache.improve(with: limits(84e9, 4e11))
      #expect(better.readBandwidth == 84e9 && better.multiplyAddPeak == 5e11)
      #expect(cache.load() == better)
      try cache.improve(with: limits(60e9, 1e11))
      #expect(cache.load() == better)
      // A machine that is measured anew may have changed.
      try cache.store(limits(60e9, 1e11))
      #expect(cache.load() == limits(60e9, 1e11))
    }
  }

  @Test func limitsAreMeasured() throws {
    let topology = try Topology()
    let team = try ThreadTeam(topology: topology)
    let meter = try LimitsMeter(team: team, kernels: KernelTable.selected(), topology: topology)
    meter.sample()
    // Any machine that runs this reads more than 0.1 GB/s and computes more than 0.1 GFLOP/s.
    #expect(meter.limits.readBandwidth > 1e8)
    #expect(meter.limits.multiplyAddPeak > 1e8)
    #expect(meter.limits.multiplyAddPeak >= meter.limits.bestGEMM)
    #expect(meter.limits.samples == 1)
  }

  @Test func pageMemoryIsZeroAndAligned() throws {
    let memory = try PageMemory(5 << 20)
    #expect(UInt(bitPattern: memory.base) % (2 << 20) == 0)
    #expect(UnsafeRawBufferPointer(start: memory.base, count: memory.count).allSatisfy { $0 == 0 })
  }
}
