import Machine
import Testing

@Suite struct PageArenaTests {
  /// Neither in one chunk nor over several do allocations overlap; all are aligned and zero.
  @Test func allocationsAreApart() throws {
    let arena = PageArena()
    let sizes = [1, 129, 4096, 3 << 20, 5 << 20, 20 << 20, 7 << 20, 7 << 20, 7 << 20, 7 << 20, 64]
    var kept: [(base: UnsafeMutableRawPointer, size: Int, owner: PageMemory)] = []
    for size in sizes {
      let (base, owner) = try arena.allocate(size)
      #expect(UInt(bitPattern: base) % 128 == 0)
      let bytes = UnsafeRawBufferPointer(start: base, count: size)
      #expect(bytes.allSatisfy { $0 == 0 })
      #expect(base >= owner.base && base + size <= owner.base + owner.count)
      base.initializeMemory(as: UInt8.self, repeating: UInt8(kept.count + 1), count: size)
      kept.append((base, size, owner))
    }
    for (index, block) in kept.enumerated() {
      let bytes = UnsafeRawBufferPointer(start: block.base, count: block.size)
      #expect(bytes.allSatisfy { $0 == UInt8(index + 1) })
    }
    // Small ones share; a large one has pages of its own.
    #expect(kept[0].owner === kept[1].owner && kept[5].owner.count == 20 << 20)
  }
}
