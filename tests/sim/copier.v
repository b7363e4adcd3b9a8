// A device with the accelerator's ports that copies beats, to try the simulator's harness.
//
// Registers, byte offsets: 0x00 source, 0x04 destination, 0x08 bursts, 0x0c beats of a burst less one, 0x10 cycle of the last accepted
// read address, 0x14 cycle of the first beat since, 0x18 cycle of the last beat, 0x1c cycle of the last accepted WLAST, 0x20 cycle of
// the response, 0x24 worst response, 0x28 faults to inject (bit 0 early WLAST, bit 1 araddr changes while it waits, bit 2 arvalid falls,
// bit 3 irq rises before the response), 0x2c clears irq. DOORBELL, where the accelerator has its doorbell, starts it. 0xfc answers DECERR.
module hwacc #(parameter BUS_BYTES = 16, parameter DOORBELL = `DOORBELL) (
    input clk, input rst, output irq,
    output m_axi__awid, output [31:0] m_axi__awaddr, output [7:0] m_axi__awlen, output [2:0] m_axi__awsize,
    output [1:0] m_axi__awburst, output m_axi__awvalid, input m_axi__awready,
    output [BUS_BYTES*8-1:0] m_axi__wdata, output [BUS_BYTES-1:0] m_axi__wstrb, output m_axi__wlast, output m_axi__wvalid, input m_axi__wready,
    input m_axi__bid, input [1:0] m_axi__bresp, input m_axi__bvalid, output m_axi__bready,
    output m_axi__arid, output [31:0] m_axi__araddr, output [7:0] m_axi__arlen, output [2:0] m_axi__arsize,
    output [1:0] m_axi__arburst, output m_axi__arvalid, input m_axi__arready,
    input m_axi__rid, input [BUS_BYTES*8-1:0] m_axi__rdata, input [1:0] m_axi__rresp, input m_axi__rlast, input m_axi__rvalid,
    output m_axi__rready,
    input [7:0] s_axil__awaddr, input [2:0] s_axil__awprot, input s_axil__awvalid, output s_axil__awready,
    input [31:0] s_axil__wdata, input [3:0] s_axil__wstrb, input s_axil__wvalid, output s_axil__wready,
    output [1:0] s_axil__bresp, output reg s_axil__bvalid, input s_axil__bready,
    input [7:0] s_axil__araddr, input [2:0] s_axil__arprot, input s_axil__arvalid, output s_axil__arready,
    output reg [31:0] s_axil__rdata, output reg [1:0] s_axil__rresp, output reg s_axil__rvalid, input s_axil__rready
);
    localparam DEPTH = 1024;
    reg [31:0] registers [0:63];
    reg [31:0] cycle = 0;
    reg [BUS_BYTES*8-1:0] fifo [0:DEPTH-1];
    reg [9:0] head = 0, tail = 0;
    reg [31:0] reads_left = 0, read_address = 0, addresses_left = 0, write_address = 0, bursts_unanswered = 0;
    reg [8:0] beat = 0;
    reg running = 0, first_seen = 0, wobble = 0;

    wire write = s_axil__awvalid & s_axil__wvalid & ~s_axil__bvalid;
    wire [7:0] length = registers[3][7:0];
    wire [31:0] step = (length + 1) * BUS_BYTES;
    wire [3:0] inject = registers[10][3:0];

    assign s_axil__awready = write, s_axil__wready = write, s_axil__bresp = 0;
    assign s_axil__arready = ~s_axil__rvalid;
    assign irq = running & (bursts_unanswered == 0 | (inject[3] & addresses_left == 0));

    assign m_axi__arid = 0, m_axi__arsize = $clog2(BUS_BYTES), m_axi__arburst = 1, m_axi__arlen = length;
    assign m_axi__araddr = read_address + (inject[1] & wobble ? BUS_BYTES : 0);
    assign m_axi__arvalid = reads_left != 0 & ~(inject[2] & wobble);
    assign m_axi__rready = 1;
    assign m_axi__awid = 0, m_axi__awsize = $clog2(BUS_BYTES), m_axi__awburst = 1, m_axi__awlen = length;
    assign m_axi__awaddr = write_address, m_axi__awvalid = addresses_left != 0;
    assign m_axi__wdata = fifo[head], m_axi__wstrb = {BUS_BYTES{1'b1}}, m_axi__wvalid = head != tail;
    assign m_axi__wlast = beat == (inject[0] ? length - 1 : length);
    assign m_axi__bready = 1;

    always @(posedge clk) begin
        cycle <= cycle + 1;
        wobble <= ~wobble;
        if (s_axil__bready) s_axil__bvalid <= 0;
        if (write) begin
            s_axil__bvalid <= 1;
            registers[s_axil__awaddr[7:2]] <= s_axil__wdata;
            if (s_axil__awaddr == 8'h2c) running <= 0;
            if (s_axil__awaddr == DOORBELL) begin
                read_address <= registers[0];
                write_address <= registers[1];
                reads_left <= registers[2];
                addresses_left <= registers[2];
                bursts_unanswered <= registers[2];
                registers[9] <= 0;
                running <= 1;
                first_seen <= 0;
            end
        end
        if (s_axil__rready) s_axil__rvalid <= 0;
        if (s_axil__arvalid & s_axil__arready) begin
            s_axil__rvalid <= 1;
            s_axil__rdata <= registers[s_axil__araddr[7:2]];
            s_axil__rresp <= s_axil__araddr == 8'hfc ? 3 : 0;
        end
        if (m_axi__arvalid & m_axi__arready) begin
            if (registers[2] == reads_left) registers[4] <= cycle;
            read_address <= read_address + step;
            reads_left <= reads_left - 1;
        end
        if (m_axi__rvalid) begin
            fifo[tail] <= m_axi__rdata;
            tail <= tail + 1;
            first_seen <= 1;
            if (~first_seen) registers[5] <= cycle;
            registers[6] <= cycle;
            if (m_axi__rresp > registers[9]) registers[9] <= m_axi__rresp;
        end
        if (m_axi__awvalid & m_axi__awready) begin
            write_address <= write_address + step;
            addresses_left <= addresses_left - 1;
        end
        if (m_axi__wvalid & m_axi__wready) begin
            head <= head + 1;
            beat <= m_axi__wlast ? 0 : beat + 1;
            if (m_axi__wlast) registers[7] <= cycle;
        end
        if (m_axi__bvalid) begin
            registers[8] <= cycle;
            bursts_unanswered <= bursts_unanswered - 1;
            if (m_axi__bresp > registers[9]) registers[9] <= m_axi__bresp;
        end
        if (rst) begin
            reads_left <= 0; addresses_left <= 0; running <= 0; head <= 0; tail <= 0; beat <= 0;
            s_axil__bvalid <= 0; s_axil__rvalid <= 0;
        end
    end
endmodule
