with Ada.Containers.Ordered_Maps;
with Ada.Containers.Vectors;
with Ada.Strings.Unbounded; use Ada.Strings.Unbounded;
with Ada.Text_IO;

procedure Shapes is
   package Solids is
      type Shape is abstract tagged record
         Name : Unbounded_String;
      end record;
      function Area (Item : Shape) return Long_Float is abstract;

      type Box is new Shape with record
         Width, Height : Long_Float;
      end record;
      overriding function Area (Item : Box) return Long_Float is (Item.Width * Item.Height);

      type Disc is new Shape with record
         Radius : Long_Float range 0.0 .. 1_000.0;
      end record;
      overriding function Area (Item : Disc) return Long_Float is (3.14 * Item.Radius ** 2);
   end Solids;
   use Solids;

   package Number_Vectors is new Ada.Containers.Vectors (Positive, Integer);
   package Number_Sorting is new Number_Vectors.Generic_Sorting;
   package Counts is new Ada.Containers.Ordered_Maps (Integer, Integer);

   generic
      type Item is range <>;
   package Queues is
      type Queue (Size : Positive) is limited private;
      procedure Put (To : in out Queue; Value : Item);
      function Take (From : in out Queue) return Item;
   private
      type Items is array (Positive range <>) of Item;
      type Queue (Size : Positive) is limited record
         Kept : Items (1 .. Size);
         Last : Natural := 0;
      end record;
   end Queues;

   package body Queues is
      procedure Put (To : in out Queue; Value : Item) is
      begin
         To.Last := To.Last + 1;
         To.Kept (To.Last) := Value;
      end Put;

      function Take (From : in out Queue) return Item is
         First : constant Item := From.Kept (1);
      begin
         From.Kept (1 .. From.Last - 1) := From.Kept (2 .. From.Last);
         From.Last := From.Last - 1;
         return First;
      end Take;
   end Queues;

   package Integer_Queues is new Queues (Integer);

   protected Total is
      procedure Add (Value : Long_Float);
      function Value return Long_Float;
   private
      Sum : Long_Float := 0.0;
   end Total;

   protected body Total is
      procedure Add (Value : Long_Float) is
      begin
         Sum := Sum + Value;
      end Add;

      function Value return Long_Float is (Sum);
   end Total;

   task type Measurer (Turns : Positive);
   task body Measurer is
   begin
      for Turn in 1 .. Turns loop
         declare
            Item : constant Shape'Class :=
              (if Turn mod 2 = 0
               then Shape'Class (Box'(To_Unbounded_String ("box"), Long_Float (Turn), 2.0))
               else Shape'Class (Disc'(To_Unbounded_String ("disc"), Long_Float (Turn))));
         begin
            Total.Add (Item.Area);
         end;
      end loop;
   exception
      when Constraint_Error => Ada.Text_IO.Put_Line ("too large");
   end Measurer;

   function Collatz (Start : Positive) return Natural is
      Value : Positive := Start;
      Steps : Natural := 0;
   begin
      while Value /= 1 loop
         Value := (if Value mod 2 = 0 then Value / 2 else 3 * Value + 1);
         Steps := Steps + 1;
      end loop;
      return Steps;
   end Collatz;

   Numbers : Number_Vectors.Vector;
   Seen : Counts.Map;
   Waiting : Integer_Queues.Queue (100);
begin
   declare
      First, Second : Measurer (20);
   begin
      null;
   end;
   for Start in 1 .. 60 loop
      Numbers.Append (Collatz (Start));
      Integer_Queues.Put (Waiting, Start);
   end loop;
   Number_Sorting.Sort (Numbers);
   for Number of Numbers loop
      if Seen.Contains (Number) then
         Seen.Replace (Number, Seen.Element (Number) + 1);
      else
         Seen.Insert (Number, Integer_Queues.Take (Waiting));
      end if;
   end loop;
   Ada.Text_IO.Put_Line (Total.Value'Image & Seen.Length'Image);
end Shapes;
