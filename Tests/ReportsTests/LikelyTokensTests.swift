import Foundation
import Reports
import Testing

@Suite struct LikelyTokensTests {
  @Test func ofEachPosition() {
    let rows: [[Float]] = [
      [0, Float(log(3.0)), Float(log(4.0)), Float(log(2.0))], [1, 1, 1, 1],
    ]
    let lines = LikelyTokens.table(rows, firstPosition: 7, top: 2, generated: [2, 0])
      .split(separator: "\n").map { $0.split(separator: " ").map(String.init) }
    #expect(lines[2].prefix(3) == ["7", "2", "40.0%"])
    #expect(lines[3].prefix(3) == ["7", "1", "30.0%"])
    // Of equal ones the first.
    #expect(lines[4].prefix(3) == ["8", "0", "25.0%"])
    #expect(lines[5].prefix(3) == ["8", "1", "25.0%"])
    #expect(lines[6] == ["generated:", "2,0"])
  }
}
